"""``machine.RTC``."""


class RTC:
    """The calendar.  What it was set to can be read back; it does not move the interpreter's clock,
    which here is the computer's own, or the virtual one.
    """

    _set = (2000, 1, 1, 5, 0, 0, 0, 0)  # where an ESP32 wakes

    def datetime(self, when=None):
        if when is None:
            return RTC._set
        if len(when) != 8 or not 1 <= when[1] <= 12 or not 1 <= when[2] <= 31:
            raise ValueError("not a date: {}".format(when))
        RTC._set = tuple(when)
        return None
