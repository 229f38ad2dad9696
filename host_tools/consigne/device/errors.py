"""What goes wrong between a laptop and a board, each as one sentence that says what to do."""

import errno
import os
import re

PORT_ERRORS: tuple[type[Exception], ...] = (OSError,)
try:
    import termios
except ImportError:
    pass  # Windows has no terminals of this kind
else:
    PORT_ERRORS += (termios.error,)
"""Errors that pyserial raises for a port: if it vanishes while being set up, the error is no ``OSError``."""
_NUMBER = re.compile(rb"the code to number (\d{3} \d{3} \d{3})")


class DeviceError(Exception):
    """Something a technician can act on; the text is the whole message."""


class CableError(DeviceError):
    """The board disconnected during the work."""


class SilentError(DeviceError):
    """Nothing on the board gives the interpreter's prompt."""


class LockedError(DeviceError):
    """The console is closed: production mode."""


def cable_pulled(port: str) -> CableError:
    return CableError(
        f"{port}: the board went away in the middle; check cable and supply, then give the same command again"
    )


def port_gone(port: str) -> CableError:
    """A port that did not come back after a reset."""
    return CableError(
        f"{port}: the board went away and its port did not come back; check cable and supply, see "
        "`consigne device ports` for the name it has now, then give the same command again"
    )


def stands_still(error: DeviceError) -> DeviceError:
    """``error`` ended the work on a board that could not be brought back to serving; its kind stays."""
    return type(error)(f"{error}; the locker does not serve now: press RESET on its board")


def port_trouble(port: str, error: Exception) -> DeviceError:
    """A serial port that cannot be opened: an error of ``PORT_ERRORS`` in a technician's words."""
    number = getattr(error, "errno", None) or next((one for one in error.args if isinstance(one, int)), None)
    # An errno decides if there is one: pyserial's text calls a port that is gone one it cannot "lock".
    text = "" if number else str(error).lower().replace(port.lower(), "")
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or "no such" in text or "filenotfound" in text:
        return DeviceError(
            f"{port}: no such port; plug the board in, and see `consigne device ports` for its name"
        )
    if number in (errno.EBUSY, errno.EAGAIN) or "lock" in text or "busy" in text:
        return DeviceError(f"{port} is in use by another program; close the console or monitor that has it")
    if number in (errno.EACCES, errno.EPERM) or "permission" in text or "access is denied" in text:
        return DeviceError(f"{port}: not allowed; add yourself to the group that owns it (often dialout)")
    if os.path.isfile(port) or "inappropriate ioctl" in text:
        return DeviceError(f"{port} is not a serial port; see `consigne device ports` for the board's")
    if number in (errno.EIO, errno.ENOTTY):
        return cable_pulled(port)
    return DeviceError(f"{port} cannot be opened: {error}")


# What ESP-IDF prints when MicroPython never starts (components/esp_system/port/cpu_start.c,
# components/spi_flash/esp_flash_spi_init.c), and what it means.
_PANICS = {
    b"External RAM failed memory test": "its PSRAM fails the test at each start: replace the board",
    b"smaller than the size in the binary image header": "its MicroPython is for a larger flash; "
    "flash it with `consigne device flash`",
}


def no_micropython(port: str, heard: bytes = b"") -> DeviceError:
    """``heard`` is what the console said instead."""
    for said, told in _PANICS.items():
        if said in heard:
            return DeviceError(f"{port}: {told}")
    return SilentError(
        f"{port}: no MicroPython answers; flash the board with `consigne device flash`, "
        "or check that this is the board's port and that nothing holds its BOOT button"
    )


def no_restart(port: str) -> DeviceError:
    """A board that gave the prompt and then neither took a file nor restarted."""
    return SilentError(
        f"{port}: the board does not restart: its file system may be full or damaged, or a program hangs; "
        "`consigne device flash` puts right what can be put right"
    )


def still_silent(port: str) -> DeviceError:
    """A board that does not answer although everything it starts from was just written."""
    return DeviceError(
        f"{port}: MicroPython and application are written and verified, but nothing answers; check that "
        "nothing holds the BOOT button and that the supply does not sag, then press RESET and see "
        "`consigne device logs`"
    )


def silent_files(port: str) -> DeviceError:
    """A board whose own files keep it from answering, where renaming them did not help."""
    return DeviceError(
        f"{port}: MicroPython and application are written and verified, but a program among the board's own "
        "files does not give the prompt, and they cannot be mended from here; --fresh makes a new file "
        "system and forgets settings, keys and journal: collect what lies in its doors first, then "
        "provision it again"
    )


def locked(port: str, heard: bytes) -> LockedError:
    """``heard`` is what the console said: while its clock is not set it asks for the code to a number."""
    if numbers := _NUMBER.findall(heard):
        return LockedError(
            f"{port}: the console is closed (production) and the clock is not set; give --code with "
            f"the operator's code to number {numbers[-1].decode()}, from the locker's page or API"
        )
    return LockedError(
        f"{port}: the console is closed (production); "
        "give --code with the technician's code of this hour, from the operator's page or API"
    )


def from_board(port: str, text: str) -> DeviceError:
    """An exception that our own script met on the board, told in a technician's words."""
    last = text.strip().splitlines()[-1] if text.strip() else "no reason given"
    if "ENOSPC" in last or "OSError: 28" in last:
        return DeviceError(
            f"{port}: the board's file system is full; remove what is not Consigne's with "
            f"`mpremote connect {port} fs rm`, or begin anew with `consigne device flash --fresh`"
        )
    if "MemoryError" in last:
        return DeviceError(f"{port}: the board has not enough memory free; reset it and try again")
    if last.startswith("OSError: flash"):
        return DeviceError(f"{port}: {last[9:]}; its flash is worn or the supply sags: replace the board")
    if "EROFS" in last or "ENODEV" in last or "OSError: 19" in last:
        return DeviceError(
            f"{port}: the board's partitions are not Consigne's; flash it with `consigne device flash`"
        )
    return DeviceError(f"{port}: the board reports {last!r}; reset it and try again")
