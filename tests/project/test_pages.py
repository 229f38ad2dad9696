"""What pages and comments refer to is there: links, documents, files, and the names in ``docs/where.md``."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).relative_to(ROOT).as_posix()
NAMES_PAGES_OF_ITS_OWN = {HERE, "tests/project/test_site.py"}  # their pages are made for a test
NOT_OURS = {"_boot.py", "inisetup.py"}  # MicroPython's
NUMBERED = {
    "ADDR",
    "ASCII",
    "BANK",
    "GPIO",
    "INTCON",
    "MQTT",
    "SELECT",
    "SSCC",
    "UART",
}  # in the field's own terms
CODE_SPAN = re.compile(r"(?<!`)(`{1,2})([^`\n]+)\1(?!`)")


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


TRACKED = _tracked()
TAILS = {path[at:] for path in TRACKED for at in (0, *(hit.end() for hit in re.finditer("/", path)))}
"""Every way to name a file from its own folder, or from any one above."""


def _texts(*endings: str) -> Iterator[tuple[str, str]]:
    for path in TRACKED:
        if path.endswith(endings) and path not in NAMES_PAGES_OF_ITS_OWN and (ROOT / path).is_file():
            yield path, (ROOT / path).read_text(encoding="utf-8")


def _is_there(name: str) -> bool:
    return re.sub(r"^(\.{0,2}/)+", "", name) in TAILS


def broken_links(page: Path, text: str) -> list[str]:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    return [target for target in targets if "://" not in target and not (page.parent / target).exists()]


def missing_documents(text: str) -> list[str]:
    """Documents that a text names and that are not there, in whatever file the text stands."""
    return [name for name in re.findall(r"(?<![\w/.-])[\w./-]*\w\.md\b", text) if not _is_there(name)]


def missing_files(text: str) -> list[str]:
    """Sources that stand between backticks and are not there."""
    spans = [span for _, span in CODE_SPAN.findall(text)]
    named = [span for span in spans if re.fullmatch(r"[\w./-]+\.(py|css|yaml)", span)]
    return [name for name in named if name not in NOT_OURS and not _is_there(name)]


def missing_sections(text: str) -> list[str]:
    """References to a numbered section of a document in capitals that is not there, as in "PLAN 4"."""
    named = re.findall(r"\b([A-Z]{4,}) \d{1,2}\b", text)
    return [name for name in named if name not in NUMBERED and f"{name}.md" not in TAILS]


def test_every_link_of_a_page_leads_somewhere() -> None:
    broken = {path: found for path, text in _texts(".md") if (found := broken_links(ROOT / path, text))}
    assert not broken


def test_every_document_that_a_file_names_is_there() -> None:
    texts = _texts(".py", ".md", ".toml", ".yaml", ".yml", ".json", ".c", ".cmake", ".csv", "Makefile")
    assert not {path: found for path, text in texts if (found := missing_documents(text))}


def test_every_source_that_a_page_or_a_comment_names_is_there() -> None:
    assert not {path: found for path, text in _texts(".md", ".py") if (found := missing_files(text))}


def test_no_text_refers_to_a_section_of_a_document_that_is_not_there() -> None:
    assert not {path: found for path, text in _texts(".md", ".py") if (found := missing_sections(text))}


def test_a_name_that_leads_nowhere_is_noticed() -> None:
    page = ROOT / "docs/where.md"
    assert broken_links(page, "[a](nowhere.md) [b](../README.md#x) [c](https://x.example/y)") == [
        "nowhere.md"
    ]
    assert missing_documents("see ``plans/later.md`` and JOURNAL.md") == ["plans/later.md"]
    assert missing_files("`core/doors.py`, ``core/windows_and_doors.py``") == ["core/windows_and_doors.py"]
    assert missing_sections("as in PLAN 4.") == ["PLAN"]
    assert missing_sections("GPIO 0 and UART 1, ACCESS 2") == []


def is_defined(name: str, text: str) -> bool:
    """Whether a source says what ``name`` is; a word of its comments is no place to be led to."""
    return bool(re.search(rf"^\s*(?:(?:async )?def |class )?{name}\b\s*[(:=]", text, re.MULTILINE))


def test_whoever_looks_for_a_place_in_the_code_finds_what_has_the_name_there() -> None:
    text = (ROOT / "docs/where.md").read_text(encoding="utf-8")
    named = re.findall(r"\]\(([^)#\s]+\.py)\)((?: `\w+`,?)+)", text)
    assert len(named) > 12
    lost = [
        f"{target}: {name}"
        for target, names in named
        for name in re.findall(r"\w+", names)
        if not is_defined(name, (ROOT / "docs" / target).read_text(encoding="utf-8"))
    ]
    assert not lost


def test_a_name_that_is_only_spoken_of_is_no_place() -> None:
    source = 'class Door:\n    async def open(self):\n        """Or say the problem."""\n\n\nTABLE = {}\n'
    assert all(is_defined(name, source) for name in ("Door", "open", "TABLE"))
    assert not any(is_defined(name, source) for name in ("problem", "self", "Doo"))


def button_labels(source: str) -> set[str]:
    """The labels of buttons that a source makes; of a composed one what stands before the first value."""
    labels = set()
    for node in ast.walk(ast.parse(source)):
        called = node.func if isinstance(node, ast.Call) else None
        name = getattr(called, "id", getattr(called, "attr", ""))
        if isinstance(node, ast.Call) and name.strip("_") == "button" and node.args:
            label = node.args[0]
            first = label.values[0] if isinstance(label, ast.JoinedStr) else label
            if isinstance(first, ast.Constant):
                labels.add(str(first.value).strip())
    return labels


def test_every_button_that_is_looked_for_is_in_all_the_files_that_are_named_and_in_no_other() -> None:
    rows = (ROOT / "docs/where.md").read_text(encoding="utf-8").split("## On a page")[1].split("##")[0]
    pages = "host_tools/consigne/server/pages"
    made = {
        path.name: button_labels(path.read_text(encoding="utf-8")) for path in (ROOT / pages).glob("*.py")
    }
    found = re.findall(r"^\| (\*.+?) \| (.+?)(?:; what they do.*)? \|$", rows, re.MULTILINE)
    assert len(found) >= 5
    for labels, places in found:
        named = set(re.findall(r"pages/(\w+\.py)\)", places))
        for label in re.findall(r"\*([^*]+)\*", labels):
            assert {name for name, its in made.items() if label in its} == named, label


def test_a_button_is_known_by_its_whole_label() -> None:
    source = 'button("Hand over, paper seen", f)\nself._button(f"Reserve {HOURS} h", g)\nbutton(label, h)\n'
    assert button_labels(source) == {"Hand over, paper seen", "Reserve"}


def test_every_file_in_which_a_command_has_its_options_is_named() -> None:
    (row,) = re.findall(
        r"^\| a command's options .*$", (ROOT / "docs/where.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    named = set(re.findall(r"\.\./(host_tools/consigne/[\w/]+\.py)\)", row))
    options = re.compile(r"typer\.(Option|Argument)\(")
    ours = [(path, text) for path, text in _texts(".py") if path.startswith("host_tools/consigne/")]
    assert named == {path for path, text in ours if options.search(text)}
