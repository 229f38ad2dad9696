"""Files that are too large, not there, not TOML, or include one another; lines found as they are written."""

import os
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from consigne.cabinet.compiler import open_cabinet
from consigne.cabinet.lines import lines_of
from consigne.cabinet.problems import CabinetError, Key
from consigne.cabinet.profiles import hardware_dir
from consigne.cabinet.reading import BYTES_MAX, READ_MAX, read
from consigne.cabinet.rules.table import judge
from file_kit import GOOD
from hypothesis import given, settings
from hypothesis import strategies as st

TraceFunction = Callable[[FrameType, str, object], object]


def _refusal(file: Path) -> str:
    with pytest.raises(CabinetError) as caught:
        read(file)
    (problem,) = caught.value.problems
    return str(problem)


def test_ten_megabytes_are_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "cabinet.toml"
    with file.open("wb") as stream:
        os.truncate(stream.fileno(), 10_000_000)
    assert f"has 10000000 bytes; a cabinet file has {BYTES_MAX} at most" in _refusal(file)


def test_ten_megabytes_that_are_included_are_refused_where_they_are_named(tmp_path: Path) -> None:
    with (tmp_path / "panel.toml").open("wb") as stream:
        os.truncate(stream.fileno(), 10_000_000)
    (tmp_path / "cabinet.toml").write_text('format = 1\ninclude = ["panel.toml"]\n')
    text = _refusal(tmp_path / "cabinet.toml")
    assert text.startswith(f"{tmp_path / 'cabinet.toml'}:2: include[0]: ") and "10000000 bytes" in text


def test_ten_megabytes_of_valid_words_are_refused_before_they_are_parsed(tmp_path: Path) -> None:
    file = tmp_path / "cabinet.toml"
    file.write_text("# " + "x" * 10_000_000)
    assert "has 10000002 bytes" in _refusal(file)


def test_a_file_included_twice_gives_its_doors_twice_and_both_places_are_told(tmp_path: Path) -> None:
    head, door, rest = GOOD.partition("[[compartment]]")
    first, *others = (door + rest).split("\n\n[[compartment]]")
    (tmp_path / "doors.toml").write_text(first + "\n")
    for name in ("left", "right"):
        (tmp_path / f"{name}.toml").write_text('include = ["doors.toml"]\n')
    own = "".join(f"\n\n[[compartment]]{other}" for other in others)
    (tmp_path / "cabinet.toml").write_text(f'include = ["left.toml", "right.toml"]\n{head}{own}')
    found = [p for p in judge(open_cabinet(tmp_path / "cabinet.toml")) if p.rule == "door_number"]
    (problem,) = found
    assert problem.text == "'1' is the number of compartment[0] too"
    assert (problem.place.file.name, problem.place.line) == ("doors.toml", 2)


def test_what_is_not_there_not_text_or_not_toml_is_told(tmp_path: Path) -> None:
    assert "No such file" in _refusal(tmp_path / "absent.toml")
    assert _refusal(tmp_path / "absent.toml").count("absent.toml") == 1
    assert "Is a directory" in _refusal(tmp_path)
    file = tmp_path / "cabinet.toml"
    file.write_bytes(b"name = '\xff'")
    assert "not UTF-8 at byte 8" in _refusal(file)
    file.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    assert _refusal(file) == f"{file}: is not a text file; give the path of a cabinet file"
    file.write_text(GOOD, encoding="utf-16")
    assert _refusal(file) == f"{file}: is UTF-16; save it as UTF-8"
    file.write_text("format = 1\nboard = \n")
    assert _refusal(file).startswith(f"{file}:2: ")
    file.write_text("format = " + "[" * 20_000)
    assert "nested" in _refusal(file) or "mend" in _refusal(file)


def test_a_file_that_notepad_saved_is_read_and_its_faults_are_told_at_their_lines(tmp_path: Path) -> None:
    file, panel = tmp_path / "cabinet.toml", tmp_path / "panel.toml"
    for part, text in ((panel, "digits = 6\r\n"), (file, 'include = ["panel.toml"]\r\nformat = 1\r\n')):
        part.write_text(text, encoding="utf-8-sig", newline="")
    sheet = read(file)
    assert sheet.data == {"digits": 6, "format": 1}
    assert [sheet.place(key).line for key in ("digits", "format")] == [1, 2]
    file.write_bytes(b"\xef\xbb\xbfname = '\xff'")
    assert "not UTF-8 at byte 11" in _refusal(file)


def test_includes_that_go_round_in_a_circle_are_told_with_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('\ninclude = ["b.toml"]\n')
    (tmp_path / "b.toml").write_text('include = ["c.toml"]\n')
    (tmp_path / "c.toml").write_text('include = ["a.toml"]\n')
    text = _refusal(tmp_path / "a.toml")
    assert "a.toml -> b.toml -> c.toml -> a.toml" in text and text.startswith(f"{tmp_path / 'c.toml'}:1: ")
    (tmp_path / "self.toml").write_text('include = ["self.toml"]\n')
    assert "self.toml -> self.toml" in _refusal(tmp_path / "self.toml")


def test_a_long_chain_of_includes_ends(tmp_path: Path) -> None:
    for i in range(40):
        (tmp_path / f"{i}.toml").write_text(f'include = ["{i + 1}.toml"]\n')
    assert "deep" in _refusal(tmp_path / "0.toml")


def test_includes_that_multiply_are_counted_over_all_files(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"{i}.toml").write_text(f"include = {[f'{i + 1}.toml'] * 16}\n")
    (tmp_path / "3.toml").write_text("digits = 6\n")
    text = _refusal(tmp_path / "0.toml")
    assert f"include[10]: includes lead to more than {READ_MAX} files" in text
    assert text.startswith(f"{tmp_path / '2.toml'}:1: ")


def test_large_files_are_not_read_over_and_over_by_way_of_includes(tmp_path: Path) -> None:
    (tmp_path / "large.toml").write_text("#" * (BYTES_MAX // 2))
    file = tmp_path / "cabinet.toml"
    file.write_text('include = ["large.toml"]\n')
    read(file)
    file.write_text('include = [\n"large.toml",\n"large.toml"]\n')
    assert f"bytes; a cabinet has {BYTES_MAX} at most" in _refusal(tmp_path / "cabinet.toml")


@pytest.mark.parametrize("name", ["/dev/full", "/dev/null", "pipe"])
def test_what_is_no_file_is_not_waited_for_nor_read_without_end(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    told = "cannot be read: it is a device or a pipe and no file; give the path of a file"
    assert _refusal(tmp_path / name) == f"{tmp_path / name}: {told}"
    (tmp_path / "cabinet.toml").write_text(f'include = ["{name}"]\n')
    assert _refusal(tmp_path / "cabinet.toml").endswith(f":1: include[0]: {tmp_path / name} {told}")


def _steps(file: Path) -> int:
    """How many steps of the interpreter it takes to read a file."""
    count = 0

    def step(frame: FrameType, event: str, _: object) -> TraceFunction:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        read(file)
    finally:
        sys.settrace(before)
    return count


def test_thousands_of_keys_take_no_longer_each_than_a_few(tmp_path: Path) -> None:
    file = tmp_path / "cabinet.toml"
    steps = []
    for keys in (200, 800):
        file.write_text("".join(f"k{i} = 1\n" for i in range(keys)))
        steps.append(_steps(file))
    assert steps[1] < 5 * steps[0], "each key looks at the others"
    file.write_text("".join(f"k{i} = 1\n" for i in range(6_000)))
    sheet = read(file)
    assert len(sheet.data) == 6_000 and sheet.place("k5999").line == 6_000


def test_own_words_win_over_included_ones_and_lists_follow_one_another(tmp_path: Path) -> None:
    (tmp_path / "panel.toml").write_text(
        "digits = 6\n[supply]\namps = 3\nvolts = 24\n[[compartment]]\nnumber = '1'\n"
    )
    own = tmp_path / "cabinet.toml"
    own.write_text(
        "include = ['panel.toml']\ndigits = 8\n[supply]\namps = 5\n[[compartment]]\nnumber = '2'\n"
    )
    sheet = read(own)
    assert sheet.data["digits"] == 8 and sheet.data["supply"] == {"amps": 5, "volts": 24}
    assert [door["number"] for door in sheet.data["compartment"]] == ["1", "2"]
    places = [
        sheet.place(*key) for key in (("supply", "volts"), ("supply", "amps"), ("compartment", 1, "number"))
    ]
    assert [(place.file.name, place.line) for place in places] == [
        ("panel.toml", 4), ("cabinet.toml", 4), ("cabinet.toml", 6)
    ]  # fmt: skip


def test_an_include_that_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    file = tmp_path / "cabinet.toml"
    file.write_text("format = 1\ninclude = [\n  'panel.toml',\n]\n")
    assert _refusal(file).startswith(f"{file}:3: include[0]: ")
    file.write_text("include = 'panel.toml'\n")
    assert "list of file names" in _refusal(file)


def test_lines_are_found_in_every_way_of_writing_toml() -> None:
    text = '''# a comment [not.a.table]
"quoted key" = "a # b" # [no]
long = """
[not.a.table] = 1
"""
a.b = {c = 1, d = [1,
  2]}
[[list]]
x = 1
[list.sub]
y = 1979-05-27 07:32:00 # a date with a blank
[[list]]
x = [
  # between
  {z = 'it''s'},
  {z = 2},
]
'''.replace("it''s", "its")
    tomllib.loads(text)
    wanted: dict[Key, int] = {
        ("quoted key",): 2, ("long",): 3, ("a", "b", "d", 1): 7,
        ("list", 0, "x"): 9, ("list", 0, "sub", "y"): 11,
        ("list", 1, "x"): 13, ("list", 1, "x", 0, "z"): 15, ("list", 1, "x", 1): 16,
    }  # fmt: skip
    found = lines_of(text)
    assert {key: found.get(key) for key in wanted} == wanted


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, len(GOOD) - 1),
    st.sampled_from(["", '"', "[", "]", "=", "\n", "#", "'", "{", ".", "9", "\\"]),
)
def test_a_file_with_one_wrong_character_is_never_a_crash(at: int, letter: str) -> None:
    text = GOOD[:at] + letter + GOOD[at + 1 :]
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert max(lines_of(text).values()) <= text.count("\n") + 1


def test_a_profile_of_a_board_is_told_in_one_sentence() -> None:
    profile = hardware_dir() / "boards" / "esp32-s3-devkitc-n8r8.toml"
    with pytest.raises(CabinetError) as caught:
        open_cabinet(profile)
    (problem,) = caught.value.problems
    assert "is a board profile" in str(problem) and 'board = "esp32-s3-devkitc-n8r8"' in str(problem)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\nopen_hours = " + "1" * 5_000, ":2: a number of thousands of digits"),
        ("\nopen_hours = " + "1_" * 5_000 + "1", ":2: a number of thousands of digits"),
        ("\n\nopen_hours = 0x" + "f" * 5_000, ":3: open_hours: a number of more than 64 bits"),
        ("\n[[compartment]]\nsize = -9223372036854775809", "a number of more than 64 bits"),
        ('include = ["a\\u0000b"]', "expected a list of file names"),
        ("\n" + ".".join(["a"] * 1_500) + " = 1", ":2: nested too deeply"),
        ("\n[" + " . ".join(['"a b"'] * 1_500) + "]", ":2: nested too deeply"),
        ("a = " + "[" * 300 + "]" * 300, "nested too deeply"),
        ("a = " + "{a.a.a.a.a.a.a = " * 200 + "1" + "}" * 200, "nested too deeply"),
    ],
    ids=[
        "digits", "with underlines", "in hexadecimal", "in a table", "a name",
        "a key of many names", "a table of many names", "lists in lists", "tables in tables",
    ],
)  # fmt: skip
def test_what_no_program_can_read_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(text)
    with pytest.raises(CabinetError) as caught:
        open_cabinet(file)
    assert told in str(caught.value.problems[0])


def test_links_that_lead_to_one_another_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.toml").symlink_to("b.toml")
    (tmp_path / "b.toml").symlink_to("a.toml")
    with pytest.raises(CabinetError) as caught:
        open_cabinet(tmp_path / "a.toml")
    assert "Too many levels of symbolic links" in str(caught.value.problems[0])
