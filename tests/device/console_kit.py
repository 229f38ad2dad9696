"""A technician's terminal at the console of a locker, without a board between them."""

from locker import console


class Terminal:
    """Types at the console of ``controller`` and ``supervisor``; ``said`` is what it answered to that."""

    def attach(self, controller, supervisor, about):
        self.said = ""
        self.console = console.Console(controller, supervisor, about, self._hear)

    def _hear(self, text):
        self.said += text

    def type(self, text):
        self.said = ""
        for byte in text.encode():
            self.console.key(byte)
        return self.said
