"""What the parts on an I2C bus have in common: an address that answers or does not, and broken transfers."""

from ..board.board import Board, Part

_NO_ACKNOWLEDGE = (19, "no acknowledge")  # ENODEV, as the port raises it


class I2CPart(Part):
    """One part on a bus; a model says in ``taken`` and ``given`` what its bytes mean.

    Attributes
    ----------
    silent
        Fault: the part does not acknowledge its address (a cable out, a dead chip).
    fail_after
        Fault: this many bytes are acknowledged, then one is not; None: all are.
    unconfirmed
        Fault: the next write of this many bytes is carried out, but its last acknowledgement is lost on the
        wire, so the controller believes that it failed.  None: no such fault.
    writes
        Transfers to it that were acknowledged at its address.
    """

    def __init__(self, board: Board, bus: int, address: int) -> None:
        super().__init__(board)
        self.silent = False
        self.fail_after: int | None = None
        self.unconfirmed: int | None = None
        self.writes = 0
        board.i2c(bus).attach(address, self)

    def taken(self, data: bytes) -> None:
        """Act on the bytes of a write that were acknowledged."""
        raise NotImplementedError

    def given(self, count: int) -> bytes:
        """The bytes that a read of ``count`` gets."""
        raise NotImplementedError

    def write(self, data: bytes) -> bool:
        """Whether all bytes were acknowledged; those that were are acted on."""
        if self.silent or not self.board.powered:
            return False
        self.writes += 1
        acknowledged = data
        if self.fail_after is not None:
            acknowledged = data[: self.fail_after]
            self.fail_after -= len(acknowledged)
        self.taken(acknowledged)
        if len(data) == self.unconfirmed:
            self.unconfirmed = None
            return False
        return len(acknowledged) == len(data)

    def read(self, count: int) -> bytes:
        """Raises ``OSError`` without an acknowledge."""
        if self.silent or not self.board.powered:
            raise OSError(*_NO_ACKNOWLEDGE)
        return self.given(count)


class I2CChip(I2CPart):
    """A chip that is reset with its supply; ``brown_out`` is a dip that the controller does not notice."""

    def reset(self) -> None:
        """The state that the data sheet gives after power-up."""
        raise NotImplementedError

    def power_on(self) -> None:
        self.reset()

    def power_off(self) -> None:
        self.reset()

    def brown_out(self) -> None:
        """Its supply dips: its settings are lost, but it answers as before."""
        self.reset()
