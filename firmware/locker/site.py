"""The part of the checked configuration that is kept after the parts are made."""

from .texts import LANGUAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .ports import Value


SERVICES = ("locker", "counter", "residence", "shop", "mall", "seller")  # core/services.py


class Site:
    """What the core needs of a checked configuration."""

    def __init__(self, raw: "dict[str, Value]") -> None:
        self.names = tuple(door["name"] for door in raw["doors"])
        self.sizes = bytes(door["size"] for door in raw["doors"])
        self.low = bytes(1 if door["low"] else 0 for door in raw["doors"])
        self.site_name = raw["name"]
        self.language = raw["language"]
        self.languages = LANGUAGES
        self.digits = raw["digits"]
        self.duress = raw["duress"]
        self.holders = tuple(tuple(h) for h in raw["holders"])
        self.pulse_ms = raw["pulse_ms"]
        self.reopen_s = raw["reopen_s"]
        self.service = raw["service"]
        self.hours = tuple(tuple(day) for day in raw["hours"])


class Identity:
    """Who this locker is.  ``device_key`` is never printed: there is no ``__repr__`` to leak it."""

    def __init__(self, known: "dict[str, Value]") -> None:
        self.locker = known["locker"]
        self.device_key = known["device_key"]
        self.mqtt_user = known["mqtt_user"]
        self.mqtt_password = known["mqtt_password"]
        self.wifi_password = known["wifi_password"]
