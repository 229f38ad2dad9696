"""A person teaches the wizard an unknown cabinet: doors spring on the page, and are clicked."""

import signal
import subprocess
import sys
from pathlib import Path

from consigne.cabinet.compiler import compile_file
from consigne.cabinet.newfile import new_file
from consigne.cabinet.profiles import profiles
from consigne.words import counted
from playwright.sync_api import Browser, expect

DOORS = 3
START_S = 300.0


def test_a_person_clicks_the_doors_that_open_and_the_file_is_written(
    chromium: Browser, tmp_path: Path
) -> None:
    truth, out = tmp_path / "truth.toml", tmp_path / "learned.toml"
    truth.write_text(new_file(profiles()["esp32-s3-devkitc-n8r8"], DOORS, None, 24))
    command = [str(Path(sys.executable).with_name("consigne")), "cabinet", "learn", str(out)]
    command += ["--sim", str(truth), "--web-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[1]
        page = chromium.new_page()
        page.set_default_timeout(START_S * 1000)
        page.goto(address)
        for door in range(DOORS):
            opened = page.locator(".learn-door.open:not(.named)")
            expect(opened).to_have_count(1)
            opened.click()
            expect(page.get_by_text(f"{counted(door + 1, 'door')} learned,")).to_be_visible()
        page.get_by_role("button", name="shut the doors").click()
        expect(page.get_by_text(f"is written: {DOORS} doors")).to_be_visible()
        expect(page.locator(".learn-door.open")).to_have_count(DOORS)  # the proof opened each once more
        page.close()
        process.send_signal(signal.SIGINT)
        process.wait(START_S)
        assert process.returncode == 0 and process.stderr is not None
        assert process.stderr.read() == ""
    assert compile_file(out)[0]["doors"] == compile_file(truth)[0]["doors"]
    assert not out.with_suffix(".learned.json").exists()
