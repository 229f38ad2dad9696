"""Rules about the pins of the controller board; facts about pins come from its profile."""

from collections.abc import Iterator, Set

from ..model import Cabinet, PinRole, Use
from ..problems import Key, spell
from ..profiles import Profile

Finding = tuple[Key, str, str]


def exists(cabinet: Cabinet) -> Iterator[Finding]:
    board = cabinet.board
    for use in cabinet.uses:
        # Other rules check these, and give a better reason.
        if use.pin not in board.pins | board.chip.flash | cabinet.psram_pins | board.taken.keys():
            yield use.key, f"{board.title} has no pin {use.pin}", _take_another(cabinet, use)


def flash(cabinet: Cabinet) -> Iterator[Finding]:
    for use in cabinet.uses:
        if use.pin in cabinet.board.chip.flash:
            yield use.key, f"pin {use.pin} belongs to the flash memory", _take_another(cabinet, use)


def psram(cabinet: Cabinet) -> Iterator[Finding]:
    for use in cabinet.uses:
        if use.pin in cabinet.psram_pins - cabinet.board.chip.flash:
            text = f"pin {use.pin} belongs to the PSRAM, and MicroPython for it knows no such pin"
            yield use.key, text, _take_another(cabinet, use)


def wired(cabinet: Cabinet) -> Iterator[Finding]:
    for use in cabinet.uses:
        serves = cabinet.board.wired.get(use.pin)
        if serves is not None and _plain(use.key) not in serves:
            text = f"{cabinet.board.title} has pin {use.pin} wired for {' or '.join(serves)}"
            yield use.key, text, _take_another(cabinet, use)


def _plain(key: Key) -> str:
    """A key as profiles write it: ``compartment.reed``, for any compartment."""
    return ".".join(part for part in key if isinstance(part, str))


def taken(cabinet: Cabinet) -> Iterator[Finding]:
    for use in cabinet.uses:
        if use.pin in cabinet.board.taken:
            yield use.key, f"pin {use.pin} is {cabinet.board.taken[use.pin]}", _take_another(cabinet, use)


def once(cabinet: Cabinet) -> Iterator[Finding]:
    first: dict[int, Use] = {}
    for use in cabinet.uses:
        other = first.setdefault(use.pin, use)
        if other is not use:
            text = f"pin {use.pin} is used already by {spell(other.key)}"
            yield use.key, text, _take_another(cabinet, use)


def input_only(cabinet: Cabinet) -> Iterator[Finding]:
    for use in cabinet.uses:
        if use.role.output and use.pin in cabinet.board.chip.input_only:
            text = f"pin {use.pin} can only read, and {use.role.words} is driven"
            yield use.key, text, _take_another(cabinet, use)


def pull_up(cabinet: Cabinet) -> Iterator[Finding]:
    for use in cabinet.uses:
        if not use.role.pulled or use.pin not in cabinet.board.chip.input_only or use.pull_up:
            continue
        text = f"pin {use.pin} has no pull-up inside and floats when the contact is open"
        if use.key[0] == "compartment":
            yield use.key, text, "solder 10 kOhm from it to 3.3 V and write pull_up = true"
        else:
            yield use.key, text, _take_another(cabinet, use)


def strapping(cabinet: Cabinet) -> Iterator[Finding]:
    for use in cabinet.uses:
        wanted = cabinet.board.strapping.get(use.pin, "any")
        if use.role.coil or wanted == "any" or use.role.rest in ("open", wanted):
            continue
        held = "may hold it otherwise" if use.role.rest == "unknown" else f"holds it {use.role.rest}"
        text = f"pin {use.pin} must be {wanted} while the chip starts, and {use.role.words} {held}"
        yield use.key, text, _take_another(cabinet, use)


def coil_strapping(cabinet: Cabinet) -> Iterator[Finding]:
    for use in cabinet.uses:
        if use.role.coil and use.pin in cabinet.board.strapping:
            text = (
                f"pin {use.pin} is a strapping pin: {use.role.words} may fire, or keep the chip from starting"
            )
            yield use.key, text, _take_another(cabinet, use)


def coil_glitch(cabinet: Cabinet) -> Iterator[Finding]:
    for use in cabinet.uses:
        if use.role.coil and use.pin in cabinet.board.glitch:
            text = f"pin {use.pin} {cabinet.board.glitch[use.pin]}: {use.role.words} may fire"
            yield use.key, text, _take_another(cabinet, use)


def armed(cabinet: Cabinet) -> Iterator[Finding]:
    boards = {entry["name"] for entry in cabinet.data["lock_board"]}
    relays = [door for door in cabinet.compartments if door["on"] not in boards]
    if relays and cabinet.data["locks"]["arm_pin"] < 0:
        text = f"the lock of door {relays[0]['number']} is a relay of the controller and has no arming line"
        yield ("locks", "arm_pin"), text, "name the pin that switches the supply of its relays"


def adc(cabinet: Cabinet) -> Iterator[Finding]:
    for use in cabinet.uses:
        if use.role.analog and use.pin not in cabinet.board.chip.adc1 | cabinet.board.chip.adc2:
            yield use.key, f"pin {use.pin} cannot measure", _take_another(cabinet, use)


def adc2(cabinet: Cabinet) -> Iterator[Finding]:
    network = cabinet.data.get("network")
    for use in cabinet.uses:
        if use.role.analog and use.pin in cabinet.board.chip.adc2 and network and network["kind"] == "wifi":
            text = f"pin {use.pin} is on ADC2, which does not measure while Wi-Fi runs"
            yield use.key, text, _take_another(cabinet, use)


def suitable(board: Profile, role: PinRole, used: Set[int], psram: str | None = None) -> set[int]:
    """The pins of a board that are free and that no rule forbids for this role.

    ``psram``: its module's; None: as in its profile.  Pins that the board has wired to a part are left out.
    """
    chip = board.chip
    no = chip.flash | board.taken.keys() | board.wired.keys() | used
    if role.output or role.pulled:
        no |= chip.input_only
    if role.coil:
        no |= board.strapping.keys() | board.glitch.keys()
    if role.rest != "open":
        no |= {pin for pin, level in board.strapping.items() if level not in ("any", role.rest)}
    can = board.pins & chip.image_pins(board.psram if psram is None else psram)
    return set((can & chip.adc1 if role.analog else can) - no)


def _take_another(cabinet: Cabinet, use: Use) -> str:
    """Advice: which free pins can be used for this."""
    used = {other.pin for other in cabinet.uses}
    wired = {pin for pin, serves in cabinet.board.wired.items() if _plain(use.key) in serves} - used
    pins = sorted(suitable(cabinet.board, use.role, used, cabinet.psram) | wired)
    if not pins:
        return f"no pin of {cabinet.board.title} is left for it: use an expander or a lock board"
    return f"take {'one of ' if len(pins) > 1 else ''}{', '.join(str(pin) for pin in pins)}"
