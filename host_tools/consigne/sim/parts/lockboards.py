"""Lock-control boards on RS-485: their frames byte by byte, their coils, their inputs, their faults.

The frames are written here again from makers' documents and independent drivers (``hardware/README.md``, "How
sure this is"), not taken from the firmware: only a mistake made twice would stay unseen.
"""

from collections.abc import Callable

from consigne.cabinet.deviceconfig import Wiring

from ..board.board import Board, Part
from ..board.nets import Net
from ..clock import Timer
from .doors import Strike, Supply
from .rs485 import Rs485

REPLY_US = 5_000  # from the end of a request to the first bit of the reply
SETTLE_US = 20_000  # how long a contact must be stable before a board reports it by itself
COUNTS = {"8a": 24, "cu48": 48, "cu16": 16, "winnsen": 24, "wkly": 24, "modbus": 8}


class BoardStrike(Strike):
    """A lock on a board: the board's own transistor switches the coil, no arming line is in series."""

    def __init__(self, board: Board, name: str, line: Net, supply: Supply, seed: int) -> None:
        super().__init__(board, name, line, supply, seed)
        self.update()

    def _selected(self, level: int) -> None:
        self.board.note("relay", f"{self.name} {'on' if level else 'off'}")
        self.update()

    def update(self) -> None:
        """Let the current follow the line and the supply."""
        self.drive_coil(bool(self.line.level and self.board.powered and not self.dead))


class LockBoard(Part):
    """One board: ``inputs`` and ``coils`` are its terminals.

    Attributes
    ----------
    silent, deaf
        Faults: it never answers; it does not even receive.
    reply_us
        How long it takes before it answers.
    late_by_one
        Fault: each answer is sent only when the next request has come.
    mangle
        Fault: a function that turns each answer's frame into the frames that arrive.
    pulse_us
        How long its own timer energises a lock, for boards without this time in their command.
    reversed
        Make: the states of the last locks come first.
    tells
        Make ("8a"): sends a frame unasked when a door moves, even while the bus is in use.
    """

    def __init__(self, wire: Rs485, kind: str, address: int, locks: int = 0) -> None:
        super().__init__(wire.board)
        self.wire = wire
        self.kind = kind
        self.address = address
        self.locks = locks or COUNTS[kind]
        self.silent = False
        self.deaf = False
        self.late_by_one = False
        self.reversed = False
        self.tells = False
        self.reply_us = REPLY_US
        self.pulse_us = 400_000 if kind != "8a" else 300_000
        self.mangle: Callable[[bytes], list[bytes]] = lambda frame: [frame]
        many = self.locks + 16 if kind == "cu16" else self.locks
        self.coils = [Net(f"{kind}@{address} lock {n}") for n in range(self.locks)]
        self.inputs = [Net(f"{kind}@{address} input {n}") for n in range(many)]
        for number, line in enumerate(self.inputs):
            line.pull("board", 1)
            line.on_change(self._watcher(number))
        for line in self.coils:
            line.drive(self, 0)
        self.opened: list[int] = []
        self._settling: dict[int, Timer] = {}
        self._timers: dict[int, Timer] = {}
        self._owed: bytes | None = None
        self._answer = {
            "8a": self._eight_a,
            "cu48": self._cu48,
            "cu16": self._cu16,
            "winnsen": self._winnsen,
            "wkly": self._wkly,
            "modbus": self._modbus,
        }[kind]
        wire.listen(self._hear)

    def power_off(self) -> None:
        for channel in list(self._timers):
            self._release(channel)

    # --- terminals ----------------------------------------------------------------------------------

    def levels(self) -> list[int]:
        """The inputs as the board reports them: 1 for a terminal that reads high."""
        return [line.level for line in self.inputs]

    def bitmap(self, count: int, levels: list[int] | None = None) -> bytes:
        """``count`` bytes of bits, channel 0 in bit 0 of the first byte, or of the last."""
        out = bytearray(count)
        for channel, level in enumerate(self.levels() if levels is None else levels):
            out[channel // 8] |= level << channel % 8
        return bytes(reversed(out) if self.reversed else out)

    def pulse(self, channel: int, duration_us: int) -> None:
        """Energise one lock for a time; a lock that is on gets the new time."""
        self.opened.append(channel)
        self.coils[channel].drive(self, 1)
        if channel in self._timers:
            self._timers[channel].cancel()
        self._timers[channel] = self.clock.call_in(duration_us, self._release, channel)

    def _release(self, channel: int) -> None:
        timer = self._timers.pop(channel, None)
        if timer is not None:
            timer.cancel()
        self.coils[channel].drive(self, 0)

    # --- the wire -----------------------------------------------------------------------------------

    def _watcher(self, channel: int) -> Callable[[int], None]:
        return lambda level: self._moved(channel)

    def _moved(self, channel: int) -> None:
        if not self.tells:
            return
        if channel in self._settling:
            self._settling[channel].cancel()
        self._settling[channel] = self.clock.call_in(SETTLE_US, self._tell, channel)

    def _tell(self, channel: int) -> None:
        if self.board.powered and not self.silent:
            state = 0x11 if self.inputs[channel].level else 0x00
            self.wire.talk([_with_xor(bytes([0x82, self.address, channel + 1, state]))], 0)

    def _hear(self, data: bytes) -> None:
        if self.deaf or not self.board.powered:
            return
        owed, self._owed = self._owed, None
        if owed is not None:
            self.wire.talk([owed], 500)
        frame = self._answer(data)
        if frame is None or self.silent:
            return
        if self.late_by_one:
            self._owed = frame
        else:
            self.wire.talk(self.mangle(frame), self.reply_us)

    def _open(self, channel: int) -> None:
        if 0 <= channel < self.locks:
            self.pulse(channel, self.pulse_us)

    # --- what each family says ----------------------------------------------------------------------

    def _eight_a(self, data: bytes) -> bytes | None:
        if len(data) != 5 or _xor(data[:4]) != data[4] or data[1] != self.address:
            return None
        command, _, lock, what = data[:4]
        if command == 0x8A and what == 0x11:
            for channel in range(self.locks) if lock == 0 else [lock - 1]:
                self._open(channel)
            return _with_xor(bytes([0x8A, self.address, lock, 0x11]))
        if command == 0x80 and what == 0x33:
            if lock:
                state = 0x11 if self.inputs[lock - 1].level else 0x00
                return _with_xor(bytes([0x80, self.address, lock, state]))
            states = self.bitmap(max(3, (self.locks + 7) // 8))
            return _with_xor(bytes([0x80, self.address]) + states + b"\x33")
        return None

    def _cu48(self, data: bytes) -> bytes | None:
        if len(data) != 6 or data[0] != 2 or data[4] != 3 or sum(data[:5]) & 0xFF != data[5]:
            return None
        if data[1] not in (self.address, 0x0A):
            return None
        if data[3] == 0x51:
            for channel in range(self.locks) if data[2] == 0x30 else [data[2]]:
                self._open(channel)
        if data[3] != 0x50:
            return None
        return _with_sum(bytes([2, self.address, 0, 0x65]) + self.bitmap(6) + b"\x03")

    def _cu16(self, data: bytes) -> bytes | None:
        if len(data) != 5 or data[0] != 2 or data[3] != 3 or sum(data[:4]) & 0xFF != data[4]:
            return None
        if data[1] >> 4 != self.address:
            return None
        if data[2] == 0x31:
            self._open(data[1] & 15)
        if data[2] != 0x30:
            return None
        hooks, sensors = self.levels()[:16], self.levels()[16:]
        states = self.bitmap(2, hooks) + self.bitmap(2, sensors)
        return _with_sum(bytes([2, self.address << 4, 0x35]) + states + b"\x03")

    def _winnsen(self, data: bytes) -> bytes | None:
        if len(data) != 6 or data[:2] != b"\x90\x06" or data[5] != 3 or data[3] != self.address:
            return None
        lock = data[4]
        if not 1 <= lock <= self.locks:
            return None
        if data[2] == 0x05:
            self._open(lock - 1)
            return bytes([0x90, 7, 0x85, self.address, lock, 1, 3])
        if data[2] == 0x12:
            return bytes([0x90, 7, 0x92, self.address, lock, self.inputs[lock - 1].level, 3])
        return None

    def _wkly(self, data: bytes) -> bytes | None:
        if data[:4] != b"WKLY" or len(data) != data[4] or _xor(data[:-1]) != data[-1]:
            return None
        if data[5] != self.address:
            return None
        if data[6] == 0x82:
            self._open(data[7] - 1)
            body = bytes([0, data[7], 0])
        elif data[6] == 0x84:
            states = bytes(self.levels())
            body = bytes([self.locks]) + (states[::-1] if self.reversed else states)
        else:
            return None
        return _with_xor(b"WKLY" + bytes([8 + len(body), self.address, data[6]]) + body)

    def _modbus(self, data: bytes) -> bytes | None:
        if len(data) != 8 or _crc(data[:6]) != data[6:] or data[0] != self.address:
            return None
        place, value = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:6], "big")
        if data[1] == 5 and place == 0x00FF and value == 0:
            for channel in list(self._timers):
                self._release(channel)
            return data
        if data[1] == 5 and 0x0200 <= place < 0x0200 + self.locks:
            self.pulse(place - 0x0200, value * 100_000)
            return data
        if data[1] == 2 and place == 0 and 0 < value <= self.locks:
            states = self.bitmap((value + 7) // 8, self.levels()[:value])
            head = bytes([self.address, 2, len(states)]) + states
            return head + _crc(head)
        head = bytes([self.address, data[1] | 0x80, 2])  # illegal data address
        return head + _crc(head)


def _xor(data: bytes) -> int:
    out = 0
    for value in data:
        out ^= value
    return out


def _with_xor(data: bytes) -> bytes:
    return data + bytes([_xor(data)])


def _with_sum(data: bytes) -> bytes:
    return data + bytes([sum(data) & 0xFF])


def _crc(data: bytes) -> bytes:
    """CRC-16 of Modbus by its definition: a shift register fed bit by bit, low bit first."""
    register = 0xFFFF
    for index in range(8 * len(data)):
        register ^= data[index // 8] >> index % 8 & 1
        carry = register & 1
        register >>= 1
        if carry:
            register ^= 0xA001
    return register.to_bytes(2, "little")


def boards(board: Board, config: Wiring, seed: int) -> dict[str, LockBoard]:
    """Every wire and lock board of a device's configuration, by bank name."""
    wires: dict[int, Rs485] = {}
    for wire in config.get("rs485", ()):
        board.uart(wire["uart"]).wire(tx=wire["tx"], rx=wire["rx"])
        enable = wire.get("de", -1)
        net = board.pin(enable) if enable >= 0 else None
        wires[wire["uart"]] = Rs485(board, wire["uart"], wire.get("baud", 9600), net, seed)
    out = {}
    for entry in config.get("boards", ()):
        name = f"{entry['kind']}@{entry['uart']}:{entry['address']}"
        reaches = [door["lock"]["channel"] + 1 for door in config["doors"] if door["lock"]["bank"] == name]
        locks = max([COUNTS[entry["kind"]], *reaches])
        out[name] = LockBoard(wires[entry["uart"]], entry["kind"], entry["address"], locks)
        out[name].reversed = entry.get("reversed", False)
    return out
