"""Rules about the supply: voltage, and current for one coil and everything else at once."""

from collections.abc import Iterator

from ..draw.power import budget as power_budget
from ..model import Cabinet
from ..problems import Key
from ..senses import PIN_VOLTS_MAX, SWELL, divider

Finding = tuple[Key, str, str]


def volts(cabinet: Cabinet) -> Iterator[Finding]:
    supply, coil = cabinet.data["supply"]["volts"], cabinet.data["locks"]["volts"]
    if supply != coil:
        text = f"the supply has {supply:g} V, the coils are for {coil:g} V"
        yield ("supply", "volts"), text, "take locks for the voltage of the supply"


def sense(cabinet: Cabinet) -> Iterator[Finding]:
    supply = cabinet.data["supply"]
    at_pin = SWELL * supply["volts"] / divider(cabinet)
    if supply["sense_pin"] >= 0 and at_pin > PIN_VOLTS_MAX:
        most = SWELL * supply["volts"]
        text = f"a supply of {most:.1f} V makes {at_pin:.2f} V at the pin, which measures to {PIN_VOLTS_MAX}"
        lower = supply["upper_kohm"] / (most / PIN_VOLTS_MAX - 1)
        yield ("supply", "lower_kohm"), text, f"take {lower:.1f} kOhm or less"


def budget(cabinet: Cabinet) -> Iterator[Finding]:
    needed = power_budget(cabinet).amps
    has = cabinet.data["supply"]["amps"]
    if needed > has:
        text = f"one coil and everything else draw {needed:.2f} A, the supply gives {has:g} A"
        yield (
            ("supply", "amps"),
            text,
            f"take a supply of {needed:.1f} A or more; `consigne cabinet power` lists what draws it",
        )
