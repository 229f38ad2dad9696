"""The friendly prompt: lines with backspace and history, blocks that go on, paste mode.

Without completion and automatic indenting, which would disturb a program at the other end.
"""

from program import CTRL_A, CTRL_B, CTRL_C, CTRL_D, CTRL_E, EXIT, execute

_HISTORY = 8
_COMPOUND = (b"@", b"if", b"while", b"for", b"try", b"with", b"def", b"class", b"async")
_ERASE = b"\x08 \x08"
_ARROWS = {b"[A": -1, b"[B": 1}
_typed = []  # lines, newest last


def friendly_prompt(terminal, names):
    """EXIT for a soft reset; CTRL_A or CTRL_B when the host wants the raw prompt or the banner again."""
    while True:
        line = _line(terminal, b">>> ", True)
        if line in (CTRL_A, CTRL_B):
            terminal.out(b"\r\n")
            return line
        if line == CTRL_D:
            terminal.out(b"\r\n")
            return EXIT
        if line == CTRL_E:
            source, kind = _pasted(terminal), "exec"
        else:
            source, kind = _statement(terminal, line), "single"
        if source and execute(terminal, names, source, "<stdin>", kind) == EXIT:
            return EXIT


def _statement(terminal, line):
    """Read until the statement is complete; nothing when it was given up, or is not valid text."""
    source = b"" if line == CTRL_C else line
    while goes_on(source):
        line = _line(terminal, b"... ", False)
        if line == CTRL_C:
            return ""
        if line == CTRL_D:
            break
        source += b"\n" + line
    try:
        return str(source, "utf8")
    except UnicodeError:
        print("SyntaxError: invalid syntax")
        return ""


def _line(terminal, prompt, is_first):
    """One edited line; or the control character that ends it: Ctrl-C, or another while the line is empty."""
    terminal.out(prompt)
    line = bytearray()
    at = len(_typed)
    while True:
        char = terminal.byte()
        if char == b"\r":
            terminal.out(b"\r\n")
            _remember(line)
            return bytes(line)
        if char == CTRL_C:
            terminal.out(b"\r\n")
            return char
        if not line and (char == CTRL_D or (is_first and char in (CTRL_A, CTRL_B, CTRL_E))):
            return char
        if char == b"\x1b":
            step = _ARROWS.get(terminal.byte() + terminal.byte(), 0)
            if step and 0 <= at + step < len(_typed):
                at += step
                terminal.out(_ERASE * len(line) + _typed[at])
                line = bytearray(_typed[at])
        else:
            line = _edited(terminal, line, char)


def _edited(terminal, line, char):
    """The line after a character that was typed, or that deletes the last one."""
    if char in (b"\x08", b"\x7f"):
        if line:
            terminal.out(_ERASE)
        return line[:-1]
    if char >= b" " or char == b"\t":
        terminal.out(char)
        line.extend(char)
    return line


def _remember(line):
    if line and (not _typed or _typed[-1] != line):
        _typed.append(bytes(line))
        del _typed[:-_HISTORY]


def _pasted(terminal):
    """The text up to Ctrl-D; nothing after Ctrl-C."""
    terminal.out(b"\r\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== ")
    source = bytearray()
    while True:
        char = terminal.byte()
        if char in (CTRL_C, CTRL_D):
            terminal.out(b"\r\n")
            return b"" if char == CTRL_C else source
        if char == b"\r":
            source.extend(b"\n")
            terminal.out(b"\r\n=== ")
        else:
            source.extend(char)
            terminal.out(char)


def goes_on(source):
    """Whether the statement needs another line: an open bracket or long string, a block without its end."""
    quote, depth, at = b"", 0, 0
    while at < len(source):
        char = source[at : at + 1]
        if quote:
            if char == b"\\":
                at += 1
            elif source[at : at + len(quote)] == quote:
                at += len(quote) - 1
                quote = b""
        elif char in (b"'", b'"'):
            quote = char * 3 if source[at : at + 3] == char * 3 else char
            at += len(quote) - 1
        else:
            depth += (char in b"([{") - (char in b")]}")
        at += 1
    if len(quote) == 3 or (depth > 0 and not quote) or source.endswith(b"\\"):
        return True
    return any(source.startswith(word) for word in _COMPOUND) and not source.endswith(b"\n")
