"""Turns bytes of a barcode scanner into texts, or finds that they are noise.

Nothing here touches hardware.  Scanners that also answer commands have a splitter of their own
that takes the answers out first: ``gm65``, ``mhet``.
"""

from micropython import const

TEXT_MAX = const(256)  # characters; the longest carrier format seen has 35, a token 100
_TEXTS_MAX = const(4)  # texts in one burst; more are noise


class Splitter:
    """Bytes from the wire in; ``end`` hands out the texts of a burst.

    The caller feeds bytes and calls ``end`` when the wire has been quiet for a while.  Texts of a burst count
    only if all of the burst was clean: noise sometimes contains a few printable characters before a carriage
    return.  CR, LF and TAB each end a text, whatever terminator the scanner is set to, and so does the end of
    the burst, unless ``strict``.
    """

    in_reply = False  # an answer has begun and not ended: a pause now does not end the burst

    def __init__(self, strict: bool = False):
        """``strict``: a text without CR, LF or TAB behind it has been cut off, and is garbage."""
        self.texts = []
        self.garbled = False
        self._strict = strict
        self._text = bytearray(TEXT_MAX)
        self._length = 0

    def feed(self, data, count: int) -> None:
        """Take ``count`` bytes of ``data``."""
        for index in range(count):
            self._take(data[index])

    def end(self):
        """The wire is quiet: returns the texts of the burst, and whether it held garbage."""
        if self._length and self._strict:
            self._length = 0
            self.garbled = True
        self._end_text()
        texts, garbled = self.texts, self.garbled
        self.texts = []
        self.garbled = False
        return ([] if garbled else texts), garbled

    def _take(self, value: int) -> None:
        if value in (13, 10, 9):
            self._end_text()
        elif 32 <= value < 127 and self._length < TEXT_MAX:
            self._text[self._length] = value
            self._length += 1
        else:
            self.garbled = True

    def _end_text(self) -> None:
        if self._length:
            if len(self.texts) == _TEXTS_MAX:
                self.garbled = True
            elif not self.garbled:
                self.texts.append(str(memoryview(self._text)[: self._length], "utf-8"))
            self._length = 0
