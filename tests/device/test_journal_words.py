"""What a technician reads in a journal: the right door, words in the place of numbers, no invented date."""

import device_kit as kit
import pytest
from consigne.device import image, journalwords
from consigne.device.errors import DeviceError
from consigne.protocol.events import EventData
from locker.core import doors, events, records


def told(kind, *values, names=()):
    return journalwords.in_words(EventData.of_record(kind, records.pack(kind, *values)), names)


def test_a_door_is_called_as_at_the_desk_and_a_fault_has_a_word():
    fault = (records.DOOR_FAULT, 4, doors.FAULT_SENSOR_SILENT)
    assert told(*fault) == ("Door fault", "door 5, fault sensor silent")
    assert told(*fault, names=["A", "B", "C", "D", "E7"])[1] == "door E7, fault sensor silent"


def test_each_number_that_stands_for_something_is_a_word():
    assert told(records.BOOT, 4, 0, 0, "1.0")[1].startswith("cause restarted,")
    assert told(records.FAULT, 2, "scanner does not answer")[1] == "code part, what scanner does not answer"
    assert told(records.REJECTED, 7, 3)[1] == "reason stale counter, count 3"
    assert told(records.ACCEPTED, 1, 1, 1, 0, 0, "")[1].startswith(
        "via at the keypad, role courier, action deposit"
    )


# As the numbers lie in journals and travel to hosts: whoever changes one of them misreads those.
FAULTS = {1: "task ended", 2: "part", 3: "weak latch", 4: "cabinet", 5: "scanner"}
ALARMS = {1: "parcel missing or wrong", 2: "opened under duress", 3: "service lid opened"}
CAUSES = {0: "unknown", 1: "power or reset button", 2: "restarted", 3: "watchdog", 4: "restarted"}
SOURCES = {1: "host", 2: "clock chip", 3: "operator"}
ROLES = "customer courier clerk technician resident merchant partner".split()
ACTIONS = ["collect", "deposit", "return", "recall", "service", "hand over"]


@pytest.mark.parametrize(
    ("kind", "values", "shown", "words"),
    [
        (records.FAULT, lambda number: (number, "x"), "code {}, what x", FAULTS),
        (records.ALARM, lambda number: (number, 0, 0, 3), "alarm {}, role", ALARMS),
        (records.BOOT, lambda number: (number, 0, 0, "1.0"), "cause {}, skipped", CAUSES),
        (records.TIME_SET, lambda number: (number, 0), "source {}, before", SOURCES),
        (
            records.ACCEPTED,
            lambda number: (1, number, 0, 0, 0, ""),
            "role {}, action",
            dict(enumerate(ROLES)),
        ),
        (
            records.ACCEPTED,
            lambda number: (1, 1, number, 0, 0, ""),
            "action {}, holder",
            dict(enumerate(ACTIONS)),
        ),
        (
            records.EXPECTED,
            lambda number: (number, 1_800_000_000, "P1"),
            "size {}, until",
            {0: "any", 1: "S", 2: "M", 3: "L", 4: "XL", 20: "XL, low"},
        ),
    ],
    ids=["faults", "alarms", "causes", "clocks", "roles", "actions", "sizes"],
)
def test_a_number_in_a_journal_has_the_word_of_what_happened(kind, values, shown, words):
    for number, word in words.items():
        assert shown.format(word) in told(kind, *values(number))[1]
    assert f" {max(words) + 1}" in told(kind, *values(max(words) + 1))[1] or kind == records.EXPECTED


@pytest.mark.parametrize(
    ("prefix", "known"),
    [("FAULT_", FAULTS), ("ALARM_", ALARMS), ("TIME_FROM_", SOURCES), ("CAUSE_", CAUSES)],
)
def test_no_number_that_the_firmware_writes_is_without_a_word(prefix, known):
    written = [value for name, value in vars(events).items() if name.startswith(prefix)]
    assert written and len(set(written)) == len(written) and set(written) <= set(known)


def test_every_kind_of_record_and_what_a_newer_firmware_wrote_is_told():
    for kind in records.kinds():
        _, fmt, names, text = records.spec(kind)
        values = [
            bytes(16) if letter == "s" else 1
            for letter in fmt.lstrip(">").replace("16s", "s").replace("8s", "s")
        ]
        assert len(values) == len(names) and told(kind, *values, *(["text"] if text else []))[0]
    assert journalwords.in_words(EventData(kind="unknown 60", bytes=3), []) == ("Unknown 60", "bytes 3")


def test_a_time_without_a_clock_is_no_date():
    assert journalwords.moment(2) == "no clock, 2 s after the start"
    assert journalwords.moment(1_800_000_000) == "2027-01-15 08:00:00"


@pytest.mark.parametrize("content", [b"", b"# Consigne\n" * 700, b"text " * 30_000])
def test_a_file_that_is_no_flash_is_no_empty_journal(tmp_path, content):
    file = tmp_path / "README.md"
    file.write_bytes(content)
    with pytest.raises(DeviceError, match="is not a flash image"):
        image.partition_in(file, "journal")


def test_the_doors_names_come_from_the_configuration_in_the_flash(tmp_path, site):
    _, config, _ = site
    flash = tmp_path / "flash.bin"
    files = {"config.json": kit.device_json(config).encode()}
    flash.write_bytes(kit.ready_flash(tmp_path, files=files))
    assert image.door_names(flash) == [door["name"] for door in config["doors"]]
    flash.write_bytes(flash.read_bytes()[: 4096 * 4])
    assert image.door_names(flash) == []
