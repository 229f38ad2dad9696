"""Clock, lid, mains, supply and lights of a cabinet file, in the device's format."""

from .deviceconfig import DeviceSenses
from .model import Cabinet

WEAK_SHARE = 0.85
"""Of the coils' voltage: makers of electric locks allow for -10 to -15 %."""

PIN_VOLTS_MAX = 2.45
"""The highest voltage an ESP32 measures at its largest attenuation (data sheet, "ADC characteristics")."""

SWELL = 1.15
"""Largest ratio of a supply's voltage to the nominal one: a charged battery, an adjusted supply."""


def divider(cabinet: Cabinet) -> float:
    """Volts of the supply for each volt at the pin."""
    supply = cabinet.data["supply"]
    return float((supply["upper_kohm"] + supply["lower_kohm"]) / supply["lower_kohm"])


def device_senses(cabinet: Cabinet) -> DeviceSenses:
    """The device's ``senses``; empty when there is none."""
    data = cabinet.data
    out: DeviceSenses = {}
    if "clock" in data:
        out["clock"] = data["clock"]
    if "tamper" in data:
        out["tamper"] = data["tamper"]
    if "mains" in data:
        out["mains"] = data["mains"]
    if data["supply"]["sense_pin"] >= 0:
        weak = data["supply"]["weak_volts"] or WEAK_SHARE * data["locks"]["volts"]
        out["supply"] = {
            "pin": data["supply"]["sense_pin"],
            "ratio_milli": round(1000 * divider(cabinet)),
            "weak_mv": round(1000 * weak),
        }
    if "strip" in data:
        out["strip"] = {"kind": data["strip"]["kind"], "pin": data["strip"]["pin"], "lights": lights(cabinet)}
    return out


def lights(cabinet: Cabinet) -> list[int]:
    """For each door the number of its light: its own, or that of its column, from the left."""
    if cabinet.data["strip"]["per"] == "door":
        return list(range(len(cabinet.compartments)))
    columns = sorted({door["column"] for door in cabinet.compartments})
    return [columns.index(door["column"]) for door in cabinet.compartments]
