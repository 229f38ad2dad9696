"""However a command ends, refused or broken off, the locker that it stopped serves its customers again."""

import random
import signal
import subprocess

import device_kit as kit
import pytest
from consigne.device import push
from consigne.device.board import Board
from consigne.device.errors import DeviceError
from consigne.firmware import application

WRONG_CHIP = 9
RESET_US = 1_000_000


@pytest.fixture
def serving(tmp_path, ready, site, request):
    """``(board, the host's address)``: a locker L0001 that serves; what it said until then is forgotten."""
    _, config, sim = site
    lines = getattr(request, "param", False)
    with (
        kit.running_host(tmp_path) as (url, _),
        kit.board_with(ready, tmp_path, sim, lines=lines) as board,
    ):
        kit.made_locker(board, config, url)
        board.log.clear()
        yield board, url


def serves_again(board):
    board.wait_for(kit.said(board, "ready"), 30)
    return True


def test_a_refused_provision_leaves_a_locker_that_serves(serving, site):
    board, url = serving
    words = ["provision", "L0002", "--cabinet", site[0], "--host", url, "--token", kit.TOKEN]
    status, told = kit.consigne(*words, "-p", board.port, env=kit.environment())
    assert status == 1 and "this board is L0001 already" in told and "does not serve" not in told
    assert serves_again(board)


# With modem lines, as a board has them: without, it starts by itself when esptool lets go of its port.
@pytest.mark.parametrize("serving", [True], indirect=True, ids=["lines"])
@pytest.mark.parametrize(
    "words",
    [["flash", "of another chip"], ["erase", "--yes", "--chip", "esp32s3"]],
    ids=lambda words: words[0],
)
def test_what_esptool_or_the_image_refuses_leaves_a_locker_that_serves(serving, tmp_path, words):
    board, _ = serving
    if words[0] == "flash":
        # Its stub, told to stay, starts the program all the same on the virtual board.
        words = ["flash", kit.micropython_file(tmp_path, chip_id=WRONG_CHIP), "--esptool=--no-stub"]
    status, told = kit.consigne(*words, "-p", board.port)
    assert status == 1 and "the image" in told
    board.wait_for(lambda: not board.in_loader, 5)
    assert serves_again(board)


@pytest.mark.parametrize("ends_by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_stopped_leaves_a_locker_that_serves(serving, ends_by):
    board, _ = serving
    command = subprocess.Popen(
        [*kit.COMMAND, "doctor", "--hands", "-p", board.port],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    board.wait_for(kit.said(board, "started for service"), 30)
    board.log.clear()
    command.send_signal(ends_by)
    told, _ = command.communicate(timeout=600)
    assert command.returncode and "Traceback" not in told, told
    assert serves_again(board)


class Stopped(BaseException):
    """As ``KeyboardInterrupt``, which would end the tests."""


@pytest.mark.parametrize("error", [DeviceError("no"), Stopped()], ids=lambda error: type(error).__name__)
def test_an_update_that_breaks_off_between_two_pieces_leaves_a_locker_that_serves(serving, error):
    board, _ = serving

    def progress(done, total):
        if done > total // 4:
            board.log.clear()
            raise error

    with pytest.raises(type(error)), Board(board.port) as line:
        line.enter_service()
        push.push(line, kit.changed(application.build(), 1, random.Random(1)), progress)
    ended_us = board.clock.now_us()
    assert serves_again(board)
    # It was reset as the command ended; left alone, it waits for more and then resets itself.
    resets = [at_us for at_us, what, _ in board.log if what == "reset"]
    assert resets[0] < ended_us + RESET_US


def test_a_board_that_cannot_be_brought_back_is_told_of(serving):
    board, _ = serving
    with pytest.raises(DeviceError, match=r"^no; the locker does not serve now: press RESET"):  # noqa: SIM117
        with Board(board.port, patience_s=0.5) as line:
            line.enter_service()
            line.transport.exec_raw_no_follow(
                "import micropython\nmicropython.kbd_intr(-1)\nprint('deaf')\nwhile True: pass"
            )
            # Until it is, Ctrl-C brings it back, as it should.
            assert line.transport.read_until(1, b"deaf", timeout=180).endswith(b"deaf")
            raise DeviceError("no")
