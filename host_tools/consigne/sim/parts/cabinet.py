"""A whole cabinet from a device's configuration: every part it names, wired to the pins it gives."""

from consigne.cabinet.deviceconfig import Channel, DeviceExpander, DeviceSenses, DoorWires, Wiring

from ..board.board import Board
from ..board.nets import Net
from .doors import Door, Reed, Strike, Supply
from .ds3231 import Ds3231
from .ethernet import W5500, Lan8720
from .hc595 import Hc595
from .lockboards import BoardStrike, LockBoard, boards
from .mains import Contact, Rail
from .mcp23017 import Mcp23017
from .panel import AnyScanner, Buzzer, Display, Keypad, Lamp, display, keypad, scanner
from .pcf8574 import Pcf8574
from .tca9554 import Tca9554
from .ws2812 import Strip


class Cabinet:
    """The parts, by what they are.

    ``doors`` in the order of the configuration; ``expanders`` by bank name (``"mcp23017@<i2c>:<address>"``,
    chains of shift registers ``"74hc595@<latch>"``), ``boards`` too (``"8a@<uart>:<address>"``); ``keypad``,
    ``scanner``, ``display``, ``buzzer``, ``lamp`` and ``phy`` are None where the configuration has none.
    """

    def __init__(self, board: Board, config: Wiring, seed: int = 0) -> None:
        """Build and wire all parts.  Raises KeyError or ValueError for a part or bank without a model."""
        self.board = board
        for bus in config.get("i2c", ()):
            board.i2c(bus["id"]).wire(scl=bus["scl"], sda=bus["sda"])
        self.expanders: dict[str, Mcp23017 | Pcf8574 | Tca9554 | Hc595] = {}
        for expander in config.get("expanders", ()):
            self._add_expander(expander)
        for chain in config.get("shifts", ()):
            pins = [board.pin(chain[key]) for key in ("data", "clock", "latch", "enable")]
            if chain["back"] >= 0:
                pins.append(board.pin(chain["back"]))
            self.expanders[f"74hc595@{chain['latch']}"] = Hc595(board, pins, chain["chips"], seed)
        self.boards: dict[str, LockBoard] = boards(board, config, seed)
        arm = config.get("arm_pin", -1)
        self.supply = Supply(board, board.pin(arm) if arm >= 0 else Net("no arming line"))
        self.doors = [
            self._door(door, door_seed) for door_seed, door in enumerate(config["doors"], start=seed * 1000)
        ]
        keys, codes, glass = config.get("keypad"), config.get("scanner"), config.get("display")
        self.keypad: Keypad | None = keypad(board, keys, seed) if keys else None
        self.scanner: AnyScanner | None = scanner(board, codes, seed) if codes else None
        self.display: Display | None = display(board, glass, seed) if glass else None
        buzzer, led = config.get("buzzer"), config.get("led")
        self.buzzer = Buzzer(board, board.pin(buzzer["pin"])) if buzzer else None
        self.lamp = Lamp(board, board.pin(led["pin"])) if led else None
        self._add_senses(config.get("senses", {}), seed)
        network = config.get("network")
        self.phy: Lan8720 | W5500 | None = None
        if network and network["kind"] == "ethernet":
            self.phy = (W5500 if network["phy"] == "w5500" else Lan8720)(board, network)

    def _add_senses(self, given: DeviceSenses, seed: int) -> None:
        """``clock``, ``lid``, ``mains``, ``rail`` and ``strip``: None where there is none."""
        board = self.board
        clock, tamper, mains = given.get("clock"), given.get("tamper"), given.get("mains")
        supply, strip = given.get("supply"), given.get("strip")
        self.clock_chip = Ds3231(board, clock["i2c"], clock["address"]) if clock else None
        self.lid = self._contact(tamper["pin"], tamper.get("open_level", 1) == 1) if tamper else None
        self.mains = self._contact(mains["pin"], mains.get("lost_level", 1) == 1) if mains else None
        self.rail: Rail | None = None
        if supply:
            pin, ratio = board.pin(supply["pin"]), supply["ratio_milli"] / 1000
            self.rail = Rail(board, pin, ratio, self.supply, seed)
        self.strip: Strip | None = None
        if strip:
            self.strip = Strip(board, board.pin(strip["pin"]), max(strip["lights"]) + 1)

    def _contact(self, pin: int, closed: bool) -> Contact:
        """A contact in its state of rest: lid shut, mains on."""
        return Contact(self.board, self.board.pin(pin), closed, pin in self.board.chip.input_only)

    def _add_expander(self, expander: DeviceExpander) -> None:
        bus, address = expander["i2c"], expander["address"]
        chip: Mcp23017 | Pcf8574 | Tca9554
        if expander["kind"] == "mcp23017":
            chip = Mcp23017(self.board, bus, address)
            interrupt = chip.inta  # INTB is not wired: the firmware mirrors it to INTA
        elif expander["kind"] == "pcf8574":
            chip = Pcf8574(self.board, bus, address)
            interrupt = chip.interrupt
        elif expander["kind"] == "tca9554":
            chip = Tca9554(self.board, bus, address)
            interrupt = chip.interrupt
        else:
            raise ValueError(f"no model of an expander {expander['kind']!r}")
        self.expanders[f"{expander['kind']}@{bus}:{address}"] = chip
        if expander.get("int_pin", -1) >= 0:
            pin = self.board.pin(expander["int_pin"])
            interrupt.on_change(lambda level: pin.drive(chip, None if level else 0))
            interrupt.pull("trace", 1)
            if (
                expander["int_pin"] in self.board.chip.input_only
            ):  # INT is an open drain, so the wiring has a pull-up resistor
                pin.pull("resistor", 1)

    def _net(self, place: Channel) -> Net:
        if place["bank"] == "gpio":
            return self.board.pin(int(place["channel"]))
        if place["bank"] in self.boards:
            return self.boards[place["bank"]].inputs[int(place["channel"])]
        return self.expanders[place["bank"]].nets[int(place["channel"])]

    def _door(self, door: DoorWires, seed: int) -> Door:
        name = door["name"]
        strike = self._strike(name, door["lock"], seed)
        reed = door["reed"]
        outside_pull_up = reed["bank"] == "gpio" and reed["channel"] in self.board.chip.input_only
        sensor = Reed(self.board, self._net(reed), door["closed_level"], seed, outside_pull_up)
        return Door(self.board, name, strike, sensor)

    def _strike(self, name: str, lock: Channel, seed: int) -> Strike:
        if lock["bank"] in self.boards:
            line = self.boards[lock["bank"]].coils[int(lock["channel"])]
            return BoardStrike(self.board, name, line, self.supply, seed)
        chip = self.expanders.get(lock["bank"])
        line = chip.relay(int(lock["channel"])) if isinstance(chip, Pcf8574) else self._net(lock)
        return Strike(self.board, name, line, self.supply, seed)
