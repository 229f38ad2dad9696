"""What customers are told, in the languages of the lockers' display.

``{code}`` is digits, ``{until}`` a date and time at the locker, ``{title}``, ``{address}`` and ``{hours}``
say where it stands, ``{phone}`` is the operator's.  A line whose only value is empty is left out.
"""

from collections.abc import Mapping
from datetime import datetime, tzinfo

# language -> kind -> (title, lines)
_TEXTS: Mapping[str, Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "en": {
        "announced": (
            "Your parcel is on its way",
            (
                "Parcel {parcel} will come to {title}.",
                "Your code is {code}. It works as soon as the parcel is there; we write again then.",
                "{address}",
                "{hours}",
            ),
        ),
        "arrived": (
            "Your parcel is here",
            (
                "Parcel {parcel} is waiting for you at {title}.",
                "Your code: {code}",
                "Please collect it by {until}.",
                "{address}",
                "{hours}",
                "Questions? {phone}",
            ),
        ),
        "reminder": (
            "Your parcel is still waiting",
            (
                "Parcel {parcel} lies at {title} until {until}.",
                "Your code: {code}",
                "{address}",
                "{hours}",
                "You need more time? {phone}",
            ),
        ),
        "expired": (
            "Your parcel goes back",
            (
                "Parcel {parcel} was not collected at {title} by {until} and goes back to the sender.",
                "Until the courier takes it, your code still works: {code}",
                "Questions? {phone}",
            ),
        ),
        "collected": (
            "Your parcel was collected",
            ("Parcel {parcel} was collected at {title}.", "That was not you? {phone}"),
        ),
        "returned": (
            "Your parcel was taken back",
            ("Parcel {parcel} left {title} with a courier.", "Questions? {phone}"),
        ),
    },
    "fr": {
        "announced": (
            "Votre colis est en route",
            (
                "Le colis {parcel} arrivera à {title}.",
                "Votre code est {code}. Il fonctionne dès que le colis est là ; nous vous écrirons.",
                "{address}",
                "{hours}",
            ),
        ),
        "arrived": (
            "Votre colis est arrivé",
            (
                "Le colis {parcel} vous attend à {title}.",
                "Votre code : {code}",
                "À retirer avant le {until}.",
                "{address}",
                "{hours}",
                "Une question ? {phone}",
            ),
        ),
        "reminder": (
            "Votre colis vous attend toujours",
            (
                "Le colis {parcel} reste à {title} jusqu'au {until}.",
                "Votre code : {code}",
                "{address}",
                "{hours}",
                "Il vous faut plus de temps ? {phone}",
            ),
        ),
        "expired": (
            "Votre colis repart",
            (
                "Le colis {parcel} n'a pas été retiré à {title} avant le {until}. Il repart.",
                "Tant que le livreur ne l'a pas repris, votre code fonctionne : {code}",
                "Une question ? {phone}",
            ),
        ),
        "collected": (
            "Votre colis a été retiré",
            ("Le colis {parcel} a été retiré à {title}.", "Ce n'était pas vous ? {phone}"),
        ),
        "returned": (
            "Votre colis a été repris",
            ("Le colis {parcel} a quitté {title} avec un livreur.", "Une question ? {phone}"),
        ),
    },
    "de": {
        "announced": (
            "Ihr Paket ist unterwegs",
            (
                "Das Paket {parcel} kommt zu {title}.",
                "Ihr Code ist {code}. Er gilt, sobald das Paket da ist; wir schreiben Ihnen dann.",
                "{address}",
                "{hours}",
            ),
        ),
        "arrived": (
            "Ihr Paket ist da",
            (
                "Das Paket {parcel} wartet auf Sie: {title}.",
                "Ihr Code: {code}",
                "Bitte abholen bis {until}.",
                "{address}",
                "{hours}",
                "Fragen? {phone}",
            ),
        ),
        "reminder": (
            "Ihr Paket wartet noch",
            (
                "Das Paket {parcel} liegt bis {until} bereit: {title}.",
                "Ihr Code: {code}",
                "{address}",
                "{hours}",
                "Sie brauchen mehr Zeit? {phone}",
            ),
        ),
        "expired": (
            "Ihr Paket geht zurück",
            (
                "Das Paket {parcel} wurde nicht bis {until} abgeholt und geht zurück: {title}.",
                "Bis der Kurier es mitnimmt, gilt Ihr Code noch: {code}",
                "Fragen? {phone}",
            ),
        ),
        "collected": (
            "Ihr Paket wurde abgeholt",
            ("Das Paket {parcel} wurde abgeholt: {title}.", "Das waren nicht Sie? {phone}"),
        ),
        "returned": (
            "Ihr Paket wurde zurückgenommen",
            ("Ein Kurier hat das Paket {parcel} mitgenommen: {title}.", "Fragen? {phone}"),
        ),
    },
}
KINDS = tuple(_TEXTS["en"])
_DATES = {"en": "%d %B, %H:%M", "fr": "%d/%m à %H:%M", "de": "%d.%m., %H:%M Uhr"}


def write(kind: str, language: str, values: Mapping[str, str]) -> tuple[str, str]:
    """Title and text of a notice; lines whose values are all empty are left out."""
    title, lines = _TEXTS.get(language, _TEXTS["en"])[kind]
    return title, "\n".join(line.format(**values) for line in lines if _has_values(line, values))


def _has_values(line: str, values: Mapping[str, str]) -> bool:
    used = [name for name in values if "{" + name + "}" in line]
    return not used or any(values[name] for name in used)


def date(at_s: int, zone: tzinfo, language: str) -> str:
    """A moment as people at the locker read it."""
    local = datetime.fromtimestamp(at_s, zone)
    return local.strftime(_DATES.get(language, _DATES["en"]))
