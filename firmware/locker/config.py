"""Reads ``config.json`` (the cabinet as compiled for this board) and ``identity.json`` (its secrets).

Everything is checked before anything is driven: an unknown, missing or misspelt key, a value out
of range or a pin used twice stops the start with one sentence a technician can act on, and no
relay has moved.  The tables below are the whole format.
"""

import json
import os
from binascii import unhexlify

from micropython import const

from . import configlines, configpanel
from .core import limits
from .core.events import HANDOVER
from .core.labels import CODE_DIGITS_MAX, CODE_DIGITS_MIN
from .core.windows import SLOT_S
from .site import SERVICES, Identity
from .texts import LANGUAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .ports import Value


_FORMAT = const(1)
_FILE_BYTES_MAX = const(32_768)
_REQUIRED = None  # stands as default of a key that must be given

# key -> (type, smallest, largest, default); for str the bounds are lengths, for list counts
_SITE = {
    "format": (int, _FORMAT, _FORMAT, _REQUIRED),
    "board": (str, 1, 32, _REQUIRED),
    "name": (str, 1, limits.NAME_CHARS_MAX, "Consigne"),
    "language": (str, 2, 2, "en"),
    "digits": (int, CODE_DIGITS_MIN, CODE_DIGITS_MAX, 8),
    "duress": (bool, 0, 1, False),
    "pulse_ms": (int, limits.PULSE_MS_MIN, limits.PULSE_MS_MAX, limits.PULSE_MS),
    "rest_ms": (int, limits.REST_MS_MIN, limits.REST_MS_MAX, limits.REST_MS),
    "reopen_s": (int, 0, limits.REOPEN_S_MAX, limits.REOPEN_S),
    "arm_pin": (int, -1, 48, -1),  # -1: no lock hangs on a relay
    "i2c": (list, 0, 2, ()),
    "expanders": (list, 0, 16, ()),
    "shifts": (list, 0, 4, ()),
    "rs485": (list, 0, 2, ()),
    "boards": (list, 0, 32, ()),
    "doors": (list, 1, limits.DOORS_MAX, _REQUIRED),
    "keypad": (dict, 0, 0, _REQUIRED),  # this one and the next four: configpanel.py
    "scanner": (dict, 0, 0, {}),
    "display": (dict, 0, 0, _REQUIRED),
    "buzzer": (dict, 0, 0, _REQUIRED),
    "led": (dict, 0, 0, _REQUIRED),
    "senses": (dict, 0, 0, {}),  # configsenses.py
    "service": (str, 1, 16, "locker"),
    "hours": (list, 0, 7, ()),  # [opens, closes] in minutes for each day from Monday on; none: day and night
    "watchdog_ms": (int, limits.WATCHDOG_MS_MIN, limits.WATCHDOG_MS_MAX, limits.WATCHDOG_MS),
    "holders": (list, 0, limits.HOLDERS_MAX, ()),
    "network": (dict, 0, 0, {}),  # confignetwork.py
}
_I2C = {
    "id": (int, 0, 1, _REQUIRED),
    "scl": (int, 0, 48, _REQUIRED),
    "sda": (int, 0, 48, _REQUIRED),
    "freq_hz": (int, 10_000, 1_000_000, 100_000),
}
_EXPANDER = {
    "kind": (str, 1, 16, _REQUIRED),
    "i2c": (int, 0, 1, _REQUIRED),
    "address": (int, 8, 119, _REQUIRED),
    "int_pin": (int, -1, 48, -1),
}
_CHAIN = {
    "kind": (str, 1, 16, _REQUIRED),
    "data": (int, 0, 48, _REQUIRED),
    "clock": (int, 0, 48, _REQUIRED),
    "latch": (int, 0, 48, _REQUIRED),
    "enable": (int, 0, 48, _REQUIRED),  # OE#, with a pull-up resistor
    "back": (int, -1, 48, -1),  # the output of the last chip, -1: not wired
    "chips": (int, 1, 8, 1),
}
_DOOR = {
    "name": (str, 1, limits.DOOR_NAME_CHARS_MAX, _REQUIRED),
    "size": (int, 1, limits.SIZE_MAX, _REQUIRED),
    "low": (bool, 0, 1, False),
    "lock": (object, 0, 0, _REQUIRED),  # a channel, see ``_channel``
    "reed": (object, 0, 0, _REQUIRED),
    "closed_level": (int, 0, 1, 0),
}
_CHANNEL = {"bank": (str, 1, 24, _REQUIRED), "channel": (int, 0, 255, _REQUIRED)}
_MAY_LACK = ("scanner",)
_IDENTITY = {
    "locker": (str, 1, limits.LOCKER_CHARS_MAX, _REQUIRED),
    "device_key": (str, 64, 64, _REQUIRED),
    "mqtt_user": (str, 0, 64, ""),
    "mqtt_password": (str, 0, 128, ""),
    "wifi_password": (str, 0, 64, ""),
}
_ID_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


class ConfigError(Exception):
    """What is wrong in which file at which key, and what to do: one sentence for a technician."""


def _check(table, given, where, show=True):
    """Fill defaults into ``given`` and return it, or ``ConfigError``; secrets are not shown in that."""
    if not isinstance(given, dict):
        raise ConfigError("{}: expected an object with keys {}".format(where, ", ".join(sorted(table))))
    for key in given:
        if key not in table:
            raise ConfigError(
                "{}: unknown key '{}', known are {}".format(where, key, ", ".join(sorted(table)))
            )
    for key, (kind, low, high, default) in table.items():
        if key not in given:
            if default is _REQUIRED:
                raise ConfigError("{}: key '{}' is missing".format(where, key))
            given[key] = default
            continue
        value = given[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            found = repr(value) if show else "something else"
            raise ConfigError("{}.{}: expected {}, found {}".format(where, key, kind.__name__, found))
        size = value if kind is int else len(value) if kind in (str, list) else low
        if not low <= size <= high:
            what = "" if kind is int else " characters" if kind is str else " entries"
            raise ConfigError(
                "{}.{}: allowed are {} to {}{}, found {}".format(where, key, low, high, what, size)
            )
    return given


def _check_each(table, given, where):
    return [_check(table, item, "{}[{}]".format(where, i)) for i, item in enumerate(given)]


def _check_part(raw, part, kinds, where):
    """An optional part: absent stays an empty dict; ``kinds`` has the table of each that has a driver."""
    given = raw[part]
    if not given and part in _MAY_LACK:
        return given
    where = "{}.{}".format(where, part)
    kind = given.get("kind", "")
    if kind not in kinds:
        raise ConfigError(
            "{}.kind: '{}' has no driver, known are {}".format(where, kind, ", ".join(sorted(kinds)))
        )
    return _check(kinds[kind], given, where)


def _channel(given, banks, where):
    """``{"bank": name, "channel": n}``; ``[number of the bank, n]`` is the same in a quarter of the room.

    The short form keeps the file of a cabinet of 96 doors, and its objects on the heap, small.
    """
    if isinstance(given, list):
        if [type(n) for n in given] != [int, int] or not 0 <= given[0] < len(banks):
            raise ConfigError("{}: expected [bank, channel], bank from 0 to {}".format(where, len(banks) - 1))
        given = {"bank": banks[given[0]], "channel": given[1]}
    return _check(_CHANNEL, given, where)


def checked(given, where="config.json"):
    """The whole configuration with its defaults filled in, or ``ConfigError``.

    It is large, and needed only until the parts are made: the caller must drop it then.
    """
    raw = _check(_SITE, given, where)
    raw["i2c"] = _check_each(_I2C, raw["i2c"], where + ".i2c")
    raw["expanders"] = _check_each(_EXPANDER, raw["expanders"], where + ".expanders")
    raw["shifts"] = _check_each(_CHAIN, raw["shifts"], where + ".shifts")
    if raw["rs485"] or raw["boards"]:
        from .configboards import BOARD, WIRE

        raw["rs485"] = _check_each(WIRE, raw["rs485"], where + ".rs485")
        raw["boards"] = _check_each(BOARD, raw["boards"], where + ".boards")
    raw["doors"] = _check_each(_DOOR, raw["doors"], where + ".doors")
    banks = configlines.bank_names(raw)
    for i, door in enumerate(raw["doors"]):
        for line in ("lock", "reed"):
            door[line] = _channel(door[line], banks, "{}.doors[{}].{}".format(where, i, line))
    for part, kinds in configpanel.KINDS.items():
        raw[part] = _check_part(raw, part, kinds, where)
    if raw["senses"]:
        from . import configsenses

        here = where + ".senses"
        given = raw["senses"] = _check(configsenses.PARTS, raw["senses"], here)
        for part, kinds in configsenses.KINDS.items():
            if given[part]:
                given[part] = _check_part(given, part, kinds, here)
    if raw["network"]:
        from . import confignetwork

        tables = confignetwork.tables(raw["network"])
        raw["network"] = _check_part(raw, "network", tables, where)
    _check_meaning(raw, where)
    return raw


def _check_meaning(raw, where):
    """Check across keys: values that must agree, or that exclude each other."""
    if raw["language"] not in LANGUAGES:
        raise ConfigError("{}.language: '{}' is not spoken, choose {}".format(
            where, raw["language"], " ".join(LANGUAGES)))  # fmt: skip
    if raw["service"] not in SERVICES:
        raise ConfigError("{}.service: '{}' is not known, choose {}".format(
            where, raw["service"], " ".join(SERVICES)))  # fmt: skip
    _check_hours(raw["hours"], where + ".hours")
    _check_holders(raw["holders"], where + ".holders")
    names = [door["name"] for door in raw["doors"]]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ConfigError(
                "{}.doors[{}].name: '{}' is taken by doors[{}]".format(where, i, name, names.index(name))
            )
    problems = [configpanel.problem, configlines.problem]
    if raw["rs485"] or raw["boards"]:
        from .configboards import problem

        problems.insert(1, problem)
    if raw["network"]:
        from .confignetwork import problem

        problems.insert(1, problem)
    if raw["senses"]:
        from .configsenses import problem

        problems.insert(1, problem)
    for look in problems:
        wrong = look(raw)
        if wrong:
            raise ConfigError("{}.{}".format(where, wrong))


def _check_hours(hours, where):
    """Seven days of ``[opens, closes]``; ``[0, 0]`` is closed all day."""
    if len(hours) not in (0, 7):
        raise ConfigError("{}: expected seven days, found {}".format(where, len(hours)))
    for i, day in enumerate(hours):
        if not isinstance(day, list) or [type(n) for n in day] != [int, int]:
            raise ConfigError("{}[{}]: expected [opens, closes] in minutes".format(where, i))
        if not 0 <= day[0] <= day[1] <= 1440:
            raise ConfigError("{}[{}]: a day opens before it closes, and has 1440 minutes".format(where, i))


def _check_holders(holders, where):
    """Whose window codes are taken: ``[role, action, holder]`` each."""
    for i, holder in enumerate(holders):
        if not isinstance(holder, list) or [type(n) for n in holder] != [int, int, int]:
            raise ConfigError("{}[{}]: expected [role, action, holder]".format(where, i))
        role, action, number = holder
        if role not in SLOT_S or not 0 <= action <= HANDOVER or not 0 <= number <= limits.HOLDER_MAX:
            raise ConfigError("{}[{}]: no window codes for role {}, action {}, holder {}".format(
                where, i, role, action, number))  # fmt: skip


def identity(given: "dict[str, Value]", where: str = "identity.json") -> Identity:
    """The ``Identity`` in a parsed file, or ``ConfigError``, which shows nothing of it."""
    known = _check(_IDENTITY, given, where, show=False)
    for c in known["locker"]:
        if c not in _ID_CHARACTERS:
            raise ConfigError("{}.locker: only A-Z a-z 0-9 _ - are allowed".format(where))
    try:
        known["device_key"] = unhexlify(known["device_key"])
    except ValueError:
        raise ConfigError(
            "{}.device_key: expected 64 hexadecimal digits; provision again".format(where)
        ) from None
    return Identity(known)


def load(path: str) -> "dict[str, Value]":
    """The JSON object in the file ``path``, or ``ConfigError``."""
    try:
        if os.stat(path)[6] > _FILE_BYTES_MAX:
            raise ConfigError("{} is larger than {} bytes".format(path, _FILE_BYTES_MAX))
        with open(path) as f:
            return json.load(f)
    except OSError:
        raise ConfigError(
            "{} is not on the board; copy it there with `consigne device provision`".format(path)
        ) from None
    except ValueError:
        raise ConfigError("{} is damaged: not JSON; copy it again".format(path)) from None
