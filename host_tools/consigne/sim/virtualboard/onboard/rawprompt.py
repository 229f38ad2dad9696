"""The raw prompt, with raw-paste mode: what ``mpremote`` talks to.

Byte for byte as "The MicroPython Interactive Interpreter Mode (aka REPL)" documents it.
"""

from program import CTRL_A, CTRL_B, CTRL_C, CTRL_D, DONE, EXIT, execute, tell

_WELCOME = b"raw REPL; CTRL-B to exit\r\n"
_PASTE = b"\x05A"
_WINDOW_BYTES = 128  # half of the input buffer's size that the port announces


def raw_prompt(terminal, names):
    """EXIT for a soft reset, DONE when the host wants the friendly prompt."""
    terminal.out(_WELCOME)
    while True:
        terminal.out(b">")
        source = _request(terminal)
        if source is CTRL_B:
            return DONE
        if source == _PASTE:
            source = _pasted(terminal)
            if source is None:
                terminal.out(CTRL_D)
                tell(KeyboardInterrupt())
                terminal.out(CTRL_D)
                continue
        else:
            terminal.out(b"OK")
            if not source:
                terminal.out(b"\r\n")
                return EXIT
        if execute(terminal, names, source, "<stdin>", "exec", CTRL_D) == EXIT:
            return EXIT


def _request(terminal):
    """A program that ends with Ctrl-D, ``_PASTE``, or ``CTRL_B``."""
    source = bytearray()
    while True:
        char = terminal.byte()
        if char == CTRL_D:
            return source
        if char == CTRL_B:
            return CTRL_B
        if char == CTRL_A:
            if source == _PASTE:
                return source
            terminal.out(b"R\x00>" if len(source) == 2 and source[0] == 5 else _WELCOME + b">")
            source = bytearray()
        elif char == CTRL_C:
            source = bytearray()
        else:
            source.extend(char)


def _pasted(terminal):
    """A program that comes in windows, each announced when there is room; None when the host breaks off."""
    terminal.out(bytes((0x52, 1, _WINDOW_BYTES & 0xFF, _WINDOW_BYTES >> 8, 1)))
    source = bytearray()
    left = _WINDOW_BYTES
    while True:
        char = terminal.byte()
        if char in (CTRL_C, CTRL_D):
            terminal.out(CTRL_D)
            return None if char == CTRL_C else source
        source.extend(char)
        left -= 1
        if not left:
            terminal.out(b"\x01")
            left = _WINDOW_BYTES
