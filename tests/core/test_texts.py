"""Nobody at the locker reads half a sentence, or one in the wrong language."""

from locker import texts
from locker.core import screens
from locker.core.limits import DISPLAY_COLUMNS

# The longest a screen can be asked to show.
LONGEST = {
    "idle": ("Consigne du Nord 1234",),
    "notice": ("x" * 20, "x" * 20),
    "typing": ("1234567890",),
    "locked": (333, 20),
    "code_length": (10,),
    "few_tries": (5,),
    "courier": (250,),
    "pick_out": (250,),
    "pick_all": (250,),
    "home": (250, "9999"),
    "closed": ("08:00 - 19:30",),
    "service": ("999999",),
}


def _screens():
    return [getattr(screens, name) for name in dir(screens) if name[0] != "_" and name.isupper()]


def test_every_screen_has_words_and_every_word_a_screen():
    for language in texts._TEXTS:
        assert sorted(_screens()) == sorted(line.split("=")[0] for line in language.strip().split("\n"))


def test_every_language_has_four_lines_that_fit_the_glass():
    for screen in _screens():
        for language in texts.LANGUAGES:
            args = LONGEST.get(screen, ("A-1234",))
            lines = texts.render(screen, args, language)
            assert len(lines) == 4, (screen, language)
            whole = texts.words(screen, language).format(*args).split("|")
            for line in whole[1:] if screen == "idle" else whole:
                assert len(line) <= DISPLAY_COLUMNS, (screen, language, line)


def test_the_compartment_is_named_wherever_one_is_meant():
    for screen in ("opening", "again", "stuck", "broken", "is_open", "take", "fill", "close_it", "reported"):
        for language in texts.LANGUAGES:
            assert "B-17" in "".join(texts.render(screen, ("B-17",), language)), (screen, language)


def test_a_long_site_name_is_cut_not_wrapped():
    assert texts.render("idle", ("x" * 30,), "en")[0] == "x" * 20


def test_a_parcel_left_is_never_said_as_a_try_left_and_one_try_is_no_plural():
    for language in texts.LANGUAGES:
        tries = texts.render("few_tries", (1,), language)[1]
        for screen in ("courier", "home"):
            parcels = texts.render(screen, (1, "12"), language)[0]
            assert not set(parcels.split()[1:]) & set(tries.split()[1:]) - {":", "1"}, (parcels, tries)
    assert texts.render("few_tries", (1,), "de")[1] == "Versuche übrig: 1"


def test_every_language_says_that_all_compartments_open_one_after_another():
    for language, words in (("en", "in turn"), ("fr", "à la suite"), ("de", "nacheinander")):
        assert words in " ".join(texts.render("pick_all", (1,), language))
