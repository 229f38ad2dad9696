"""On the board, started for service: look at every part through the firmware's own drivers.

Each check prints lines of JSON: ``[part, state, what was seen]``, state ``pass``, ``fail`` or ``warn``.
"""

import asyncio
import gc
import json
import os
import sys
import time

OURS = (
    "slotfs.py", "boot.py", "main.py", "config.json", "identity.json", "ca.der", "client.der",
    "client_key.der", "production", "app",
)  # fmt: skip

_OPENS_MS = 5_000
_PULSE_OVER_MS = 1_500  # more than the longest pulse: drivers/relays.py has 1 s at most
_BROKER_S = 20
_KEEPALIVE_S = 30
_CONNECT_BYTES = 320  # a name of 32, a user of 64, a password of 128
_JUDGED_MS = 15_000  # drivers/scanner.py calls a scanner silent after three tries, 5 s apart
_LOOK_MS = 300  # a reed switch has debounced by then
_NOT_SHUT = -1
_STUCK = -2


class Patient:
    """What earlier checks found, for the later ones."""

    raw = identity = parts = None
    floor_s = 0  # the newest time in the journal
    heard = []
    is_open = {}  # by door, as last reported


patient = Patient()


def say(part, state, told):
    print(json.dumps([part, state, told]))


def is_plain():
    """Whether the application lies as files in ``/lib``; ``main.py`` sets ``plain`` then."""
    return globals().get("plain")


def software():
    started = globals().get("consigne")
    if is_plain():
        say("application", "pass", "files in /lib, compiled at each start")
    elif started and started[2] >= 0:
        how = "loaded into memory" if "slotfs" in sys.modules else "executed in place"
        say("application", "pass", "generation {} in slot {}, {}".format(started[3], started[2], how))
    else:
        say("application", "fail", "no whole application")
    gc.collect()
    say("memory", "pass" if gc.mem_free() > 40_000 else "warn", "{} bytes free".format(gc.mem_free()))


def openness():
    """Check what somebody with a serial cable could use."""
    names = os.listdir("/")
    closed = "production" in names
    say("console", "pass" if closed else "warn", "closed" if closed else "open: not in production")
    web = "webrepl_cfg.py" in names or "webrepl" in sys.modules
    say("webrepl", "fail" if web else "pass", "set up" if web else "off")
    ours = OURS + (("lib",) if is_plain() else ())
    strange = [name for name in names if name not in ours]
    say("files", "warn" if strange else "pass", " ".join(strange) or "none that is not ours")


def settings():
    from locker import config

    for name in ("identity.json", "config.json"):
        try:
            if name == "identity.json":
                patient.identity = config.identity(config.load(name))
                say(name, "pass", patient.identity.locker)
            else:
                patient.raw = config.checked(config.load(name))
                say(
                    name, "pass", "{} doors, board {}".format(len(patient.raw["doors"]), patient.raw["board"])
                )
        except config.ConfigError as error:
            say(name, "fail", str(error))


def journal():
    from locker.core.codes import journal_tag
    from locker.drivers.flash import journal_partition
    from locker.journal.reader import Reader
    from locker.journal.recovery import recover
    from locker.journal.sectors import Sectors

    key = patient.identity and patient.identity.device_key
    tag_of = (lambda epoch: journal_tag(key, epoch)) if key else None
    sectors = Sectors(journal_partition())
    reader = Reader(sectors)
    report, found = recover(sectors, reader, tag_of)
    patient.floor_s = found.time_floor
    bad = report.read_only or not report.proven
    state = "fail" if bad else "warn" if report.state > 2 or sum(sectors.out_of_use) else "pass"
    unsent = found.next_seq - 1 - found.acknowledged
    say("journal", state, "{}; {} events not yet at the host".format(report.text, unsent))
    ahead_s = 0 if found.head < 0 else _ahead_s(reader, found)
    if ahead_s:
        told = "{:.1f} days ahead of the time that it believes; not confirmed".format(ahead_s / 86_400)
        say("provisional time", "warn", told)


def _ahead_s(reader, found):
    """How far the newest time in the journal is ahead of what the locker believes; 0 when it is believed."""
    from locker.core import records
    from locker.journal import layout

    if found.snapshot:
        reader.start(found.snapshot[0], found.snapshot[1])
    else:
        reader.start(reader.oldest(found.head), layout.FIRST)
    ahead_s = 0
    while reader.next_in_log(found.head):
        if reader.kind == records.TIME_AHEAD:
            ahead_s = records.unpack(reader.kind, reader.payload())[0]
    return ahead_s


def wiring():
    """Make every driver; those that notice wrong wiring raise at once."""
    from locker.parts import Parts

    patient.parts = Parts(patient.raw)
    patient.parts.report = patient.heard.append
    say("drivers", "pass", "{} doors".format(len(patient.raw["doors"])))


async def _guarded(name, work, failures):
    try:
        await work
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this part's fault and is told
        failures[name] = "{}: {}".format(type(error).__name__, error)


async def _run_for(ms, sink, until=lambda: False, least_ms=0):
    """Run all parts until ``until()`` or for ``ms``, but at least ``least_ms``; returns what failed."""
    failures = {}
    panel = patient.parts.panel
    work = [("sensors", patient.parts.sensors.run(sink)), ("keypad", panel.keypad.run(sink))]
    work += [("rs485 {}".format(i), wire.run()) for i, wire in enumerate(patient.parts.wires)]
    work.append(("display", panel.display.run()))
    if panel.scanner:
        work.append(("scanner", panel.scanner.run(sink)))
    tasks = [asyncio.create_task(_guarded(name, made, failures)) for name, made in work]
    started = time.ticks_ms()
    while True:
        passed_ms = time.ticks_diff(time.ticks_ms(), started)
        if passed_ms >= ms or (passed_ms >= least_ms and until()):
            break
        await asyncio.sleep_ms(20)
    for task in tasks:
        task.cancel()
    await asyncio.sleep_ms(0)
    return failures


def _expanders():
    """A row for each port expander; the banks of those that do not answer."""
    from locker.drivers import board
    from locker.drivers.banks import bank_name

    silent = []
    buses = board.buses(patient.raw["i2c"])
    for chip in patient.raw["expanders"]:
        part = "expander {} at 0x{:02x}".format(chip["kind"], chip["address"])
        try:
            buses[chip["i2c"]].readfrom(chip["address"], 1)
            say(part, "pass", "answers")
        except OSError:
            bank = bank_name(chip)
            silent.append(bank)
            behind = [door["name"] for door in patient.raw["doors"] if bank in _banks(door)]
            say(part, "fail", "does not answer: doors {}".format(" ".join(behind)))
    return silent


def _quiet(part):
    """State and words for a part that reported nothing."""
    wired = patient.raw[part]
    if not wired:
        return "pass", "not wired"
    if part == "scanner":
        if wired["kind"] == "line":
            return "warn", "only speaks, cannot be asked: show it a barcode, with --hands"
        if patient.parts.panel.scanner.answers is None:
            return "warn", "not known yet"
    return "pass", "answers"


def _sensor_words(fault):
    """A fault of a door's sensor in words; None: it never reported."""
    from locker.core import doors

    return "no answer" if fault is None else doors.FAULT_NAMES[fault].replace("_", " ")


def _banks(door):
    return door["reed"]["bank"], door["lock"]["bank"]


def rest(ms):
    """Run all parts while nobody touches anything: a key pressed then is a fault."""
    from locker.core import events

    got = []
    scanner = patient.parts.panel.scanner

    def judged():
        return not scanner or scanner.answers is not None

    patient.parts.panel.display.show(("consigne doctor", "", "please do not", "touch anything"))
    failures = asyncio.run(_run_for(_JUDGED_MS, got.append, judged, ms))
    silent = _expanders()
    is_open = patient.is_open
    is_open.update({event[1]: event[2] for event in got if event[0] == events.EV_DOOR})
    faults = {event[1]: event[2] for event in got if event[0] == events.EV_SENSOR_FAULT}
    for door, entry in enumerate(patient.raw["doors"]):
        name = "door {} sensor".format(entry["name"])
        if door in faults or door not in is_open:
            if entry["reed"]["bank"] not in silent:
                say(name, "fail", _sensor_words(faults.get(door)))
        else:
            say(name, "warn" if is_open[door] else "pass", "open" if is_open[door] else "closed")
    keys = [event for event in got if event[0] in (events.EV_KEY, events.EV_KEYS_TOGETHER)]
    say("keypad", "fail" if keys else "pass", "key {} held".format(keys[0][1:]) if keys else "quiet")
    for part in ("display", "scanner"):
        told = [text for text in patient.heard if text.startswith(part)] or [failures.pop(part, "")]
        if told[0]:
            say(part, "fail", told[0])
        else:
            say(part, *_quiet(part))
    for text in [text for text in patient.heard if not text.startswith(("display", "scanner"))]:
        say("part", "fail", text)
    for name, told in failures.items():
        say(name, "fail", told)


def hands(seconds):
    """Somebody presses every key once and shows the scanner a barcode."""
    from locker.core import events

    got = []
    wanted = set(patient.raw["keypad"].get("keys") or "")

    def done():
        return not wanted - pressed() and (scanned() or not patient.raw["scanner"])

    def pressed():
        return {event[1] for event in got if event[0] == events.EV_KEY}

    def scanned():
        return [event[1] for event in got if event[0] == events.EV_SCAN]

    patient.parts.panel.display.show(("press every key,", "then show", "a barcode", ""))
    asyncio.run(_run_for(seconds * 1000, got.append, done))
    missing = "".join(sorted(wanted - pressed()))
    say(
        "keys",
        "fail" if missing else "pass",
        "never heard: " + missing if missing else "all heard",
    )
    if patient.raw["scanner"]:
        texts = scanned()
        say("barcode", "pass" if texts else "fail", texts[0] if texts else "nothing read")


def pulse(door):
    """Open one door, with the journal records that custody needs; its sensor must show it open."""
    from locker.core import doors, events, records
    from locker.drivers.flash import journal_partition
    from locker.journal.log import Journal

    journal = Journal(journal_partition())
    journal.open()
    journal.append(
        records.PULSE,
        records.pack(records.PULSE, door, doors.FOR_SERVICE, 1, events.TECHNICIAN, 0, 0, ""),
        journal.time_floor,
    )
    opened = []

    def sink(event):
        if event[0] == events.EV_DOOR:
            patient.is_open[event[1]] = event[2]
            if event[1] == door and event[2]:
                opened.append(time.ticks_ms())

    async def spring():
        listening = asyncio.create_task(_run_for(_OPENS_MS, sink, lambda: opened))
        await asyncio.sleep_ms(_LOOK_MS)
        if patient.is_open.get(door, True):
            listening.cancel()
            return _NOT_SHUT
        started = time.ticks_ms()
        patient.parts.locks.start(door, patient.raw["pulse_ms"])
        while patient.parts.locks.busy() or not listening.done():
            await asyncio.sleep_ms(20)
        patient.parts.locks.off()
        return time.ticks_diff(opened[0], started) if opened else _STUCK

    try:
        after_ms = asyncio.run(spring())
    finally:
        come_to_rest()
    name = "door {} lock".format(patient.raw["doors"][door]["name"])
    if after_ms >= 0:
        journal.append(
            records.OPENED,
            records.pack(records.OPENED, door, doors.FOR_SERVICE, after_ms, 0, ""),
            journal.time_floor,
        )
        say(name, "pass", "open after {} ms".format(after_ms))
    else:
        told = "not seen open" if after_ms == _STUCK else "stands open, or its sensor is silent"
        journal.append(
            records.NOT_OPENED,
            records.pack(records.NOT_OPENED, door, doors.FOR_SERVICE, ""),
            journal.time_floor,
        )
        say(name, "fail", told)


def come_to_rest():
    """Switch all coils off and await a running pulse: an ESP32 panics if a soft reset interrupts it."""
    locks = patient.parts.locks
    locks.off()
    for _ in range(_PULSE_OVER_MS // 10):
        if not locks.busy():
            return
        time.sleep_ms(10)


def network(seconds):
    """Join the network and reach the broker, TLS included."""
    wanted = patient.raw["network"]
    if not wanted:
        say("network", "pass", "none configured")
        return
    asyncio.run(_network(wanted, seconds))


async def _network(wanted, seconds):
    if wanted["kind"] == "ethernet":
        from locker.net.link_lan import LanLink

        link = LanLink(wanted, "consigne-doctor", patient.heard.append)
    else:
        from locker.net.link import WifiLink

        link = WifiLink(wanted["ssid"], patient.identity.wifi_password, "consigne-doctor")
    failures = {}
    task = asyncio.create_task(_guarded("network", link.run(), failures))
    started = time.ticks_ms()
    while not link.is_up() and time.ticks_diff(time.ticks_ms(), started) < seconds * 1000:
        await asyncio.sleep_ms(100)
    if not link.is_up():
        say("network", "fail", failures.get("network", "not joined within {} s".format(seconds)))
    else:
        say("network", "pass", "joined, {} dBm".format(link.rssi()))
        address = await _address(wanted["broker"], link.name_server)
        if address:
            await _broker(wanted, address)
    task.cancel()


async def _address(host, name_server):
    """Ask the network's name server, as the locker will.  MicroPython's resolver may know more."""
    from locker.net.names import Resolver

    try:
        return await Resolver(name_server).address(host)
    except (OSError, ValueError):
        server = name_server() or "none"
        say("broker's name", "fail", "the name server ({}) does not know {}".format(server, host))
        return ""


async def _broker(wanted, address):
    """Connect as the locker will: TLS, CONNECT, and the code in CONNACK.  A TCP connection alone proves
    nothing: MicroPython's ``open_connection`` does not wait for an answer."""
    where = "{}:{}{}".format(wanted["broker"], wanted["port"], " (TLS)" if wanted["tls"] else "")
    tls = None
    while True:
        try:
            if wanted["tls"]:
                tls = tls or _tls()
                tls.prepare()
            told = await asyncio.wait_for(_connack(wanted, address, tls and tls.context), _BROKER_S)
            say("broker", "fail" if told else "pass", told or "takes {}".format(patient.identity.locker))
            return
        except EOFError:
            say("broker", "fail", "{} hangs up".format(where))
            return
        except (asyncio.TimeoutError, OSError, ValueError) as error:  # noqa: UP041 - not a builtin on the board
            text = "{}: {}".format(type(error).__name__, error)
            if not tls or not tls.ended(text, False):
                say("broker", "fail", "{}: {}".format(where, text))
                return


def _tls():
    """The locker's TLS, with the journal's newest time as the only clock for certificates."""
    from locker.core.events import TRUST_FLOOR
    from locker.drivers.board import set_calendar
    from locker.net.tls import Tls, client_context

    context = client_context(_content("ca.der"), _content("client.der"), _content("client_key.der"))

    def unread(text):
        say("certificate", "warn", text)

    def now():
        return time.ticks_ms(), patient.floor_s, TRUST_FLOOR

    return Tls(context, now, set_calendar, lambda: False, unread)


async def _connack(wanted, address, context):
    from locker.net.mqtt_packet import Packet

    reader, writer = await asyncio.open_connection(
        address, wanted["port"], ssl=context, server_hostname=wanted["broker"] if context else None
    )
    try:
        who = patient.identity
        packet = Packet(_CONNECT_BYTES)
        name, user, word = who.locker.encode(), who.mqtt_user.encode(), who.mqtt_password.encode()
        writer.write(packet.connect(name, _KEEPALIVE_S, user, word, b"", b""))
        await writer.drain()
        code = (await reader.readexactly(4))[3]
    finally:
        writer.close()
    if code in (4, 5):  # MQTT 3.1.1, 3.2.2.3
        return "it does not let {} in".format(who.locker)
    return "it refuses: {}".format(code) if code else ""


def _content(name):
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError:
        return b""
