"""A whole cabinet from a device's configuration: every part it names, wired where it says."""

from collections.abc import Mapping
from typing import Any

from ..board import Board
from ..gpio import INPUT_ONLY
from ..nets import Net
from .doors import Door, Reed, Strike, Supply
from .gm65 import Gm65
from .hd44780 import CharacterDisplay
from .keypad import MatrixKeypad
from .lan8720 import Lan8720
from .lockboards import BoardStrike, LockBoard, boards
from .mcp23017 import Mcp23017
from .panel import Buzzer, Lamp


class Cabinet:
    """The parts, by what they are.

    ``doors`` in the order of the configuration; ``expanders`` by bank name
    (``"mcp23017@<i2c>:<address>"``), ``boards`` too (``"8a@<uart>:<address>"``); ``keypad``,
    ``scanner``, ``display``, ``buzzer``, ``lamp`` and ``phy`` are None where the configuration has none.
    """

    def __init__(self, board: Board, config: Mapping[str, Any], seed: int = 0) -> None:
        """Build and wire all parts.  Raises KeyError or ValueError for a part or bank not modelled."""
        self.board = board
        for bus in config.get("i2c", ()):
            board.i2c(bus["id"]).wire(scl=bus["scl"], sda=bus["sda"])
        self.expanders: dict[str, Mcp23017] = {}
        for expander in config.get("expanders", ()):
            self._add_expander(expander)
        self.boards: dict[str, LockBoard] = boards(board, config, seed)
        arm = config.get("arm_pin", -1)
        self.supply = Supply(board, board.pin(arm) if arm >= 0 else Net("no arming line"))
        self.doors = [
            self._door(door, door_seed) for door_seed, door in enumerate(config["doors"], start=seed * 1000)
        ]
        self.keypad = self._keypad(config.get("keypad"), seed)
        self.scanner = self._scanner(config.get("scanner"), seed)
        self.display = self._display(config.get("display"))
        buzzer, led = config.get("buzzer"), config.get("led")
        self.buzzer = Buzzer(board, board.pin(buzzer["pin"])) if buzzer else None
        self.lamp = Lamp(board, board.pin(led["pin"])) if led else None
        network = config.get("network") or {}
        self.phy = Lan8720(board, network) if network.get("kind") == "ethernet" else None

    def _add_expander(self, expander: Mapping[str, Any]) -> None:
        if expander["kind"] != "mcp23017":
            raise ValueError(f"no model of an expander {expander['kind']!r}")
        chip = Mcp23017(self.board, expander["i2c"], expander["address"])
        self.expanders[f"mcp23017@{expander['i2c']}:{expander['address']}"] = chip
        if expander.get("int_pin", -1) >= 0:
            # Only INTA is wired: changes on port B arrive because the firmware mirrors the two.
            pin = self.board.pin(expander["int_pin"])
            chip.inta.on_change(lambda level: pin.drive(chip, None if level else 0))
            chip.inta.pull("trace", 1)

    def _net(self, place: Mapping[str, Any]) -> Net:
        if place["bank"] == "gpio":
            return self.board.pin(int(place["channel"]))
        if place["bank"] in self.boards:
            return self.boards[place["bank"]].inputs[int(place["channel"])]
        return self.expanders[place["bank"]].nets[int(place["channel"])]

    def _door(self, door: Mapping[str, Any], seed: int) -> Door:
        name = door["name"]
        strike = self._strike(name, door["lock"], seed)
        reed = door["reed"]
        outside_pull_up = reed["bank"] == "gpio" and reed["channel"] in INPUT_ONLY
        sensor = Reed(self.board, self._net(reed), door["closed_level"], seed, outside_pull_up)
        return Door(self.board, name, strike, sensor)

    def _strike(self, name: str, lock: Mapping[str, Any], seed: int) -> Strike:
        if lock["bank"] in self.boards:
            line = self.boards[lock["bank"]].coils[int(lock["channel"])]
            return BoardStrike(self.board, name, line, self.supply, seed)
        return Strike(self.board, name, self._net(lock), self.supply, seed)

    def _keypad(self, keypad: Mapping[str, Any] | None, seed: int) -> MatrixKeypad | None:
        if keypad is None:
            return None
        if keypad["kind"] != "matrix":
            raise ValueError(f"no model of a keypad {keypad['kind']!r}")
        rows = [self.board.pin(pin) for pin in keypad["rows"]]
        cols = [self.board.pin(pin) for pin in keypad["cols"]]
        return MatrixKeypad(self.board, rows, cols, keypad["keys"], seed)

    def _scanner(self, scanner: Mapping[str, Any] | None, seed: int) -> Gm65 | None:
        if not scanner:
            return None
        if scanner["kind"] != "gm65":
            raise ValueError(f"no model of a scanner {scanner['kind']!r}")
        self.board.uart(scanner["uart"]).wire(tx=scanner["tx"], rx=scanner["rx"])
        return Gm65(self.board, scanner["uart"], scanner["baud"], seed)

    def _display(self, display: Mapping[str, Any] | None) -> CharacterDisplay | None:
        if display is None:
            return None
        if display["kind"] != "hd44780":
            raise ValueError(f"no model of a display {display['kind']!r}")
        columns, rows = display["columns"], display["rows"]
        return CharacterDisplay(self.board, display["i2c"], display["address"], columns, rows)
