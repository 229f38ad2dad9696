"""Writes a first cabinet file, with pins chosen so that no rule is broken."""

from dataclasses import dataclass, field

from . import model
from .model import KINDS, PinRole
from .profiles import Profile
from .rules.pins import suitable
from .schema import HEIGHTS_CM

_ROLES = (
    model.ARM, model.I2C, model.INTERRUPT, model.ROW, model.COLUMN, model.SEND, model.HEAR, model.DIRECTION,
    model.PANEL, model.SENSE,
)  # fmt: skip
_COLUMN = ("XL", "L", "S", "S", "M", "S", "S", "M")  # from the floor up
_FLOOR_CM = 12.0
_DOORS_PER_CHIP = 8
# GPA7 and GPB7 are outputs only: locks there, sensors at the others.
CHIP_LOCKS = (0, 1, 2, 3, 4, 5, 7, 15)
CHIP_REEDS = (8, 9, 10, 11, 12, 13, 14, 6)
_CHIP_ADDRESSES = range(0x20, 0x27)  # the display has 0x27


class NoRoom(ValueError):
    """The board, or the wiring that was asked for, cannot carry such a cabinet; the text says why."""


@dataclass(frozen=True)
class Place:
    """A door and its wiring."""

    number: str
    on: str
    lock: int
    reed: int
    closed_level: int = 0
    reed_on: str = ""
    pull_up: bool = False


@dataclass
class _Pins:
    """Assigns pins: each role gets the pin that is least useful for other roles."""

    board: Profile
    used: set[int] = field(default_factory=lambda: {0})  # the button for the download mode on all chips

    def take(self, role: PinRole, serves: str) -> int:
        """A pin for a key of the file: the one that the board has wired for it, or any other."""
        wired = {pin for pin, keys in self.board.wired.items() if serves in keys} - self.used
        can = wired or suitable(self.board, role, self.used)
        if not can:
            raise NoRoom(f"{self.board.title} has too few pins: none is left for {role.words}")
        pin = min(can, key=lambda pin: (self._worth(pin), pin))
        self.used.add(pin)
        return pin

    def _worth(self, pin: int) -> int:
        return sum(pin in suitable(self.board, role, set()) for role in _ROLES)


def new_file(board: Profile, doors: int, lock_boards: str | None, per_board: int) -> str:
    """The text of a cabinet file.

    ``lock_boards``: a family such as ``"8a"``, each board with ``per_board`` doors; None: MCP23017 expanders
    with eight relays and eight sensors each.  A board with few pins gets a keypad that needs two of them and
    a transceiver that finds its direction by itself; one with fewer still, expanders that are polled instead
    of using an interrupt.  Raises ``NoRoom``.
    """
    for is_small, is_told in ((False, True), (True, True), (True, False)):
        try:
            return _new_file(board, doors, lock_boards, per_board, is_small, is_told)
        except NoRoom as error:
            why = error
    raise why


def _new_file(
    board: Profile, doors: int, lock_boards: str | None, per_board: int, is_small: bool, is_told: bool
) -> str:
    pins = _Pins(board)
    arm = -1 if lock_boards and is_small else pins.take(model.ARM, "locks.arm_pin")
    if lock_boards:
        heads, places = _on_boards(board, pins, doors, lock_boards, per_board, is_small)
    else:
        heads, places = _on_chips(pins, doors, is_told)
    i2c = (
        f"[[i2c]]\nid = 0\nscl = {pins.take(model.I2C, 'i2c.scl')}\nsda = {pins.take(model.I2C, 'i2c.sda')}\n"
    )
    columns = -(-len(places) // len(_COLUMN))
    terminal = columns // 2 + 1
    armed = f"arm_pin = {arm}\n" if arm >= 0 else ""
    parts = [
        f'format = 1\nboard = "{board.name}"\nlanguage = "en"\n',
        f"[locks]\n{armed}volts = 12\namps = 2.2\n",
        "[supply]\nvolts = 12\namps = 5\n",
        i2c,
        *heads,
        _panel(board, pins, is_small),
        _network(board),
        f"[front]\nterminal_column = {terminal}\nterminal_cm = 85\n",
        '[[holder]]\nrole = "courier"\naction = "deposit"\nnumber = 1\n',
        *compartments(places, terminal),
    ]
    return "\n".join(parts)


def _network(board: Profile) -> str:
    kind = 'kind = "ethernet"\n' if "ethernet" in board.network else 'kind = "wifi"\nssid = "change me"\n'
    return f'[network]\n{kind}broker = "change.me.example"\n'


def _panel(board: Profile, pins: _Pins, is_small: bool) -> str:
    uart = board.uarts[-1]
    rx, tx = pins.take(model.HEAR, "scanner.rx"), pins.take(model.SEND, "scanner.tx")
    buzzer, lamp = pins.take(model.PANEL, "buzzer.pin"), pins.take(model.PANEL, "lamp.pin")
    return (
        f"[keypad]\n{_keypad(pins, is_small)}\n"
        f'[scanner]\nkind = "gm65"\nuart = {uart}\ntx = {tx}\nrx = {rx}\n\n'
        '[display]\nkind = "hd44780"\naddress = 0x27\nshifter = true\n\n'
        f"[buzzer]\npin = {buzzer}\n\n[lamp]\npin = {lamp}\n"
    )


def _keypad(pins: _Pins, is_small: bool) -> str:
    if is_small:
        zeros, ones = (pins.take(model.WIEGAND, f"keypad.{line}") for line in ("d0", "d1"))
        return f'kind = "wiegand"\nd0 = {zeros}\nd1 = {ones}\n'
    cols = [pins.take(model.COLUMN, "keypad.cols") for _ in range(3)]
    rows = [pins.take(model.ROW, "keypad.rows") for _ in range(4)]
    return f'rows = {rows}\ncols = {cols}\nkeys = "123456789*0#"\n'


def _on_chips(pins: _Pins, doors: int, is_told: bool) -> tuple[list[str], list[Place]]:
    chips = -(-doors // _DOORS_PER_CHIP)
    free = [address for address in _CHIP_ADDRESSES if address not in pins.board.addresses]
    if chips > len(free):
        raise NoRoom(f"{len(free) * _DOORS_PER_CHIP} doors fit on expanders: use lock boards for {doors}")
    heads: list[str] = []
    places: list[Place] = []
    for chip in range(chips):
        name = chr(ord("A") + chip)
        wired = (
            f"int_pin = {pins.take(model.INTERRUPT, 'expander.int_pin')}\n" if chip == 0 and is_told else ""
        )
        heads.append(f'[[expander]]\nname = "{name}"\nkind = "mcp23017"\naddress = {free[chip]:#x}\n{wired}')
        for lock, reed in zip(CHIP_LOCKS, CHIP_REEDS, strict=True):
            places.append(Place(str(len(places) + 1), name, lock, reed))
    return heads, places[:doors]


def _on_boards(
    board: Profile, pins: _Pins, doors: int, kind: str, per_board: int, is_small: bool
) -> tuple[list[str], list[Place]]:
    known = KINDS.get(kind)
    if known is None:
        raise NoRoom(f"no lock boards of a family '{kind}': known are {', '.join(sorted(KINDS))}")
    if not 1 <= per_board <= known.locks:
        raise NoRoom(f"a board of the family {kind} has 1 to {known.locks} doors, not {per_board}")
    if len(board.uarts) < 2:
        raise NoRoom(f"{board.title} has no UART for lock boards beside the scanner's")
    count = -(-doors // per_board)
    low, high = known.addresses
    if count > min(32, high - low + 1):
        raise NoRoom(f"{count} boards of the family {kind} do not fit on one wire")
    heads = [_wire(board, pins, known.baud or 9600, is_small)]
    places: list[Place] = []
    for number in range(count):
        name = f"board {number + 1}"
        heads.append(_lock_board(board, name, kind, low + number))
        for channel in range(per_board):
            places.append(Place(str(len(places) + 1), name, channel, channel))
    return heads, places[:doors]


def _wire(board: Profile, pins: _Pins, baud: int, is_small: bool) -> str:
    tx, rx = pins.take(model.SEND, "rs485.tx"), pins.take(model.HEAR, "rs485.rx")
    direction = "" if is_small else f"de = {pins.take(model.DIRECTION, 'rs485.de')}\n"
    return f"[[rs485]]\nuart = {board.uarts[0]}\ntx = {tx}\nrx = {rx}\n{direction}baud = {baud}\n"


def _lock_board(board: Profile, name: str, kind: str, address: int) -> str:
    return f'[[lock_board]]\nname = "{name}"\nkind = "{kind}"\nuart = {board.uarts[0]}\naddress = {address}\n'


def compartments(places: list[Place], terminal: int) -> list[str]:
    """A table for each door: columns of eight from the left, leaving the terminal's column free."""
    out = []
    for i, place in enumerate(places):
        column, row = divmod(i, len(_COLUMN))
        column += 1 if column + 1 < terminal else 2
        bottom = _FLOOR_CM + sum(HEIGHTS_CM[size] for size in _COLUMN[:row])
        more = f"closed_level = {place.closed_level}\n" if place.closed_level else ""
        more += f'reed_on = "{place.reed_on}"\n' if place.reed_on else ""
        more += "pull_up = true\n" if place.pull_up else ""
        out.append(
            f'[[compartment]]\nnumber = "{place.number}"\nsize = "{_COLUMN[row]}"\ncolumn = {column}\n'
            f'bottom_cm = {bottom:g}\non = "{place.on}"\nlock = {place.lock}\nreed = {place.reed}\n{more}'
        )
    return out
