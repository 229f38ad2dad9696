"""The part of ``config.json`` that tells of lock boards on RS-485; read only when there are any."""

from .drivers.boards import KINDS

# As the tables of config.py: key -> (type, smallest, largest, default), None must be given.
WIRE = {
    "uart": (int, 1, 2, None),
    "tx": (int, 0, 48, None),
    "rx": (int, 0, 48, None),
    "de": (int, -1, 48, -1),  # -1: the transceiver finds the direction by itself
    "baud": (int, 1200, 115_200, 9600),
}
BOARD = {
    "kind": (str, 1, 16, None),
    "uart": (int, 1, 2, None),
    "address": (int, 0, 254, None),
    "reversed": (bool, 0, 1, False),
    "pulse_ms": (int, 100, 1000, 500),  # how long the board energises a lock by itself, or may at most
}


def bank_names(raw):
    """The banks that the lock boards make, in the order of the file."""
    return ["{}@{}:{}".format(b["kind"], b["uart"], b["address"]) for b in raw["boards"]]


def pins(raw):
    """Every pin that a wire ends at: (use, pin)."""
    for i, wire in enumerate(raw["rs485"]):
        for key in ("tx", "rx", "de"):
            if wire[key] >= 0:
                yield "rs485[{}].{}".format(i, key), wire[key]


def problem(raw):
    """What is wrong with wires, boards and the channels that doors claim on them; "" if nothing is."""
    uarts = [wire["uart"] for wire in raw["rs485"]]
    for i, uart in enumerate(uarts):
        if uart in uarts[:i] or (raw["scanner"] and uart == raw["scanner"]["uart"]):
            return "rs485[{}].uart: UART {} is used already".format(i, uart)
    taken = []
    for i, board in enumerate(raw["boards"]):
        here = "boards[{}].".format(i)
        if board["kind"] not in KINDS:
            return "{}kind: '{}' has no driver, known are {}".format(
                here, board["kind"], ", ".join(sorted(KINDS))
            )
        if board["uart"] not in uarts:
            return "{}uart: no entry of rs485 uses UART {}".format(here, board["uart"])
        low, high = KINDS[board["kind"]][2:4]
        if not low <= board["address"] <= high:
            return "{}address: allowed are {} to {}, found {}".format(here, low, high, board["address"])
        if (board["uart"], board["address"]) in taken:
            return "{}address: {} is taken on this wire".format(here, board["address"])
        taken.append((board["uart"], board["address"]))
    return _channel_problem(raw)


def _channel_problem(raw):
    """Locks and inputs of a board are counted separately; each serves one door."""
    counts = {name: KINDS[board["kind"]][4:] for name, board in zip(bank_names(raw), raw["boards"])}
    used = []
    for i, door in enumerate(raw["doors"]):
        for line, many in (("lock", 0), ("reed", 1)):
            bank, channel = door[line]["bank"], door[line]["channel"]
            if bank not in counts:
                continue
            here = "doors[{}].{}: ".format(i, line)
            count = int(counts[bank][many])
            if channel >= count:
                return "{}{} has channels 0 to {}, found {}".format(here, bank, count - 1, channel)
            if (line, bank, channel) in used:
                return "{}{} channel {} is used already".format(here, bank, channel)
            used.append((line, bank, channel))
    return ""
