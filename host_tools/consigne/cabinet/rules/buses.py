"""Rules about parts on I2C, UARTs and RS-485, and about the network."""

from collections.abc import Iterator

from locker.configlines import EXPANDERS
from locker.confignetwork import KINDS as _NETWORKS
from locker.confignetwork import SPI_BUSES

from ..chips import LOGIC_VOLTS
from ..model import KINDS, Cabinet, reed_bank
from ..problems import Key, nearest, spell

Finding = tuple[Key, str, str]

ADDRESSES = {
    **{kind: addresses for kind, (_, addresses) in EXPANDERS.items()},
    "hd44780": (*range(0x20, 0x28), *range(0x38, 0x40)),  # behind a PCF8574 or a PCF8574A
    "ssd1306": (0x3C, 0x3D),
    "ds3231": (0x68,),
}
# NXP UM10204, table 10: rise time by clock rate; a line rises in 0.8473 R C.
_RISE_NS = {100_000: 1000.0, 400_000: 300.0}
_PART_PF = 10.0
_CABLE_PF_M = 100.0
# A request to a Winnsen station and its reply; the longest of other families; a board's delay before it
# answers; and the rest of half a second after a change was asked for twice.
_WINNSEN_BYTES = 13
_OTHER_BYTES = 20
_THINKS_MS = 5.0
_KNOWN_MS = 460.0
_HIGH_SHARE = 0.7


def _i2c_parts(cabinet: Cabinet) -> Iterator[tuple[Key, str, int, int]]:
    """(key, kind, bus, address) of each part."""
    for i, entry in enumerate(cabinet.data["expander"]):
        yield ("expander", i), entry["kind"], entry["i2c"], entry["address"]
    display, clock = cabinet.data["display"], cabinet.data.get("clock")
    yield ("display",), display["kind"], display["i2c"], display["address"]
    if clock is not None:
        yield ("clock",), clock["kind"], clock["i2c"], clock["address"]


def i2c_bus(cabinet: Cabinet) -> Iterator[Finding]:
    declared = [bus["id"] for bus in cabinet.data["i2c"]]
    for i, bus in enumerate(declared):
        if bus not in cabinet.board.i2c:
            yield ("i2c", i, "id"), f"{cabinet.board.title} has no I2C bus {bus}", "put its parts on bus 0"
        if bus in declared[:i]:
            yield ("i2c", i, "id"), f"bus {bus} is declared already", "give each bus one table"
    for key, _, bus, _ in _i2c_parts(cabinet):
        if bus not in declared:
            yield (*key, "i2c"), f"no bus {bus} is declared", f"add [[i2c]] with id = {bus}, scl and sda"


def i2c_address(cabinet: Cabinet) -> Iterator[Finding]:
    taken: dict[tuple[int, int], Key] = {}
    own = cabinet.board.addresses
    for key, kind, bus, address in _i2c_parts(cabinet):
        if address in own and own[address] != kind and _is_own_bus(cabinet, bus):
            free = [f"0x{a:02x}" for a in ADDRESSES[kind] if a not in own]
            text = f"0x{address:02x} is taken by the {own[address]} of {cabinet.board.title}"
            yield (*key, "address"), text, f"set it to {', '.join(free)}"
        other = taken.setdefault((bus, address), key)
        if other != key:
            used = {a for b, a in taken if b == bus}
            free = [f"0x{a:02x}" for a in ADDRESSES[kind] if a not in used]
            advice = f"set it to {', '.join(free)}" if free else "put it on the other bus"
            yield (*key, "address"), f"0x{address:02x} of bus {bus} is taken by {spell(other)}", advice


def _is_own_bus(cabinet: Cabinet, bus: int) -> bool:
    """Whether a bus of the file is the one that the board's own parts are on."""
    lines = [entry["scl"] for entry in cabinet.data["i2c"] if entry["id"] == bus]
    return any("i2c.scl" in cabinet.board.wired.get(scl, ()) for scl in lines)


def i2c_range(cabinet: Cabinet) -> Iterator[Finding]:
    for key, kind, _, address in _i2c_parts(cabinet):
        if address not in ADDRESSES[kind]:
            can = ", ".join(f"0x{a:02x}" for a in ADDRESSES[kind])
            yield (*key, "address"), f"a {kind} cannot be at 0x{address:02x}", f"it can be at {can}"


def i2c_rise(cabinet: Cabinet) -> Iterator[Finding]:
    for i, bus in enumerate(cabinet.data["i2c"]):
        parts = 1 + sum(1 for _, _, on, _ in _i2c_parts(cabinet) if on == bus["id"])
        farads = (parts * _PART_PF + bus["cable_m"] * _CABLE_PF_M) * 1e-12
        limit_ns = next(ns for hz, ns in sorted(_RISE_NS.items()) if bus["freq_hz"] <= hz)
        rise_ns = 0.8473 * bus["pull_up_ohm"] * farads * 1e9
        if rise_ns > limit_ns:
            ohms = int(limit_ns * 1e-9 / (0.8473 * farads))
            text = f"lines rise in {rise_ns:.0f} ns, at {bus['freq_hz']} Hz {limit_ns:.0f} are allowed"
            advice = (
                f"take pull-ups of {ohms} Ohm at most"
                if ohms >= 1000
                else "shorten the cable, or lower freq_hz"
            )
            yield ("i2c", i, "pull_up_ohm"), text, advice


def _uarts(cabinet: Cabinet) -> Iterator[tuple[Key, int]]:
    yield ("scanner", "uart"), cabinet.data["scanner"]["uart"]
    for i, wire in enumerate(cabinet.data["rs485"]):
        yield ("rs485", i, "uart"), wire["uart"]


def display_level(cabinet: Cabinet) -> Iterator[Finding]:
    """A PCF8574 takes 0.7 of its own supply for a high (data sheet, VIH): at 5 V more than the bus has."""
    display = cabinet.data["display"]
    if display["kind"] != "hd44780" or display["shifter"]:
        return
    wanted = _HIGH_SHARE * display["volts"]
    if wanted > LOGIC_VOLTS:
        need = f"its PCF8574 at {display['volts']:g} V takes {wanted:.1f} V for a high"
        text = f"{need}, the bus has {LOGIC_VOLTS:g} V"
        advice = "put a level shifter (2 x BSS138) into its lines: shifter = true; or take one for 3.3 V"
        yield ("display", "volts"), text, advice


def uart_exists(cabinet: Cabinet) -> Iterator[Finding]:
    can = cabinet.board.uarts
    for key, uart in _uarts(cabinet):
        if uart not in can:
            why = "is the console's" if uart == 0 else f"is not in {cabinet.board.title}"
            yield key, f"UART {uart} {why}", f"take {' or '.join(str(n) for n in can)}"


def uart_once(cabinet: Cabinet) -> Iterator[Finding]:
    taken: dict[int, Key] = {}
    for key, uart in _uarts(cabinet):
        other = taken.setdefault(uart, key)
        if other != key:
            free = [str(n) for n in cabinet.board.uarts if n not in {u for _, u in _uarts(cabinet)}]
            advice = f"take {free[0]}" if free else "take a board with more UARTs, or one wire less"
            yield key, f"UART {uart} is used already by {spell(other)}", advice


def board_kind(cabinet: Cabinet) -> Iterator[Finding]:
    for i, board in enumerate(cabinet.data["lock_board"]):
        if board["kind"] not in KINDS:
            advice = nearest(board["kind"], list(KINDS))
            yield ("lock_board", i, "kind"), f"the firmware knows no '{board['kind']}'", advice


def board_wire(cabinet: Cabinet) -> Iterator[Finding]:
    wires = {wire["uart"] for wire in cabinet.data["rs485"]}
    for i, board in enumerate(cabinet.data["lock_board"]):
        if board["uart"] not in wires:
            text = f"no wire is on UART {board['uart']}"
            yield ("lock_board", i, "uart"), text, f"add [[rs485]] with uart = {board['uart']}, tx and rx"


def board_address(cabinet: Cabinet) -> Iterator[Finding]:
    taken: dict[tuple[int, int], str] = {}
    for i, board in enumerate(cabinet.data["lock_board"]):
        place = (board["uart"], board["address"])
        if place in taken:
            text = f"address {board['address']} of this wire is taken by '{taken[place]}'"
            yield ("lock_board", i, "address"), text, "set the switches of one of them to another"
        taken.setdefault(place, board["name"])


def board_range(cabinet: Cabinet) -> Iterator[Finding]:
    for i, board in enumerate(cabinet.data["lock_board"]):
        if board["kind"] in KINDS:
            low, high = KINDS[board["kind"]].addresses
            if not low <= board["address"] <= high:
                text = f"a board of the family {board['kind']} cannot have address {board['address']}"
                yield ("lock_board", i, "address"), text, f"set its switches to one of {low} to {high}"


def wire_baud(cabinet: Cabinet) -> Iterator[Finding]:
    bauds = {wire["uart"]: wire["baud"] for wire in cabinet.data["rs485"]}
    for i, board in enumerate(cabinet.data["lock_board"]):
        wanted = KINDS[board["kind"]].baud if board["kind"] in KINDS else None
        found = bauds.get(board["uart"])
        if wanted is not None and found is not None and wanted != found:
            text = f"a {board['kind']} talks at {wanted} baud, its wire runs at {found}"
            yield ("lock_board", i, "kind"), text, "change the baud of the wire, or put the board on another"


def hand_opened(cabinet: Cabinet) -> Iterator[Finding]:
    """A station that is asked lock by lock is slow, and delays all other boards on its wire."""
    for i, wire in enumerate(cabinet.data["rs485"]):
        boards = [board for board in cabinet.data["lock_board"] if board["uart"] == wire["uart"]]
        slow = {board["name"] for board in boards if board["kind"] == "winnsen"}
        locks = sum(1 for door in cabinet.compartments if reed_bank(door) in slow)
        byte_ms = 10_000 / wire["baud"]
        round_ms = locks * (_WINNSEN_BYTES * byte_ms + _THINKS_MS)
        round_ms += (len(boards) - len(slow)) * (_OTHER_BYTES * byte_ms + _THINKS_MS)
        if slow and round_ms > _KNOWN_MS:
            text = f"asking {locks} locks one by one takes {round_ms:.0f} ms: so late is a forced door known"
            yield ("rs485", i, "uart"), text, "give each Winnsen station a wire of its own"


def rmt_channels(cabinet: Cabinet) -> Iterator[Finding]:
    """Arming line, direction of each RS-485 wire and lights take a channel of the RMT each."""
    driven = [i for i, wire in enumerate(cabinet.data["rs485"]) if wire["de"] >= 0]
    is_armed = cabinet.data["locks"]["arm_pin"] >= 0
    users = ["the arming line" if is_armed else "the channel kept for an arming line"]  # 0; wire i has i + 1
    users += [f"the direction of RS-485 wire {i}" for i in range(max(driven) + 1 if driven else 0)]
    if "strip" in cabinet.data:
        users.append("the light strip")  # the port's default, the last one
    if len(users) > cabinet.board.chip.rmt_channels:
        need = f"{', '.join(users[:-1])} and {users[-1]} need {len(users)} RMT channels"
        text = f"{need}, {cabinet.board.title} has {cabinet.board.chip.rmt_channels}"
        if not driven:
            yield ("strip", "pin"), text, "leave the lights out, or take another board"
            return
        yield (
            ("rs485", driven[-1], "de"),
            text,
            "take a transceiver that finds the direction by itself: de = -1",
        )


def ethernet(cabinet: Cabinet) -> Iterator[Finding]:
    """A module on the SPI pins, where the file wires one."""
    wired = cabinet.data.get("ethernet")
    if wired is None:
        return
    buses = SPI_BUSES.get(cabinet.board.chip.name, 1)
    if cabinet.board.ethernet:
        yield ("ethernet",), f"{cabinet.board.title} has an Ethernet chip of its own", "take [ethernet] out"
    elif cabinet.data.get("network", {}).get("kind") != "ethernet":
        yield ("ethernet",), "the module is wired, and the network is another", 'write kind = "ethernet"'
    if wired["spi"] > buses:
        yield ("ethernet", "spi"), f"{cabinet.board.title} has no SPI {wired['spi']}", "write spi = 1"


def network(cabinet: Cabinet) -> Iterator[Finding]:
    if "network" not in cabinet.data:
        return
    wanted = cabinet.data["network"]
    has = [*cabinet.board.network, *(["ethernet"] if "ethernet" in cabinet.data else [])]
    if wanted["kind"] not in has:
        advice = 'write kind = "wifi", or wire a W5500 and tell how in [ethernet]'
        yield ("network", "kind"), f"{cabinet.board.title} has no {wanted['kind']}", advice
    elif wanted["kind"] not in _NETWORKS:
        text = f"the firmware has no driver for {wanted['kind']}"
        yield ("network", "kind"), text, f"write kind = {' or '.join(map(repr, _NETWORKS))}"
    if wanted["kind"] == "wifi" and not wanted["ssid"]:
        yield ("network", "ssid"), "the name of the Wi-Fi is missing", "add ssid"
    if wanted["broker"].rstrip(".").lower() == "localhost":
        text = "'localhost' is the board itself, and it asks a name server, which need not know that name"
        yield (
            ("network", "broker"),
            text,
            "write the name or address under which the board reaches the broker",
        )
