"""The host's other orders, besides codes and doors: compartments, settings, a message, a sign, a restart.

``EV_ORDER`` carries a verified command of ``net/messages.py``.  Each order is a method: it records what lasts
and returns a result; then its counter is spent in a COMMAND record, and only after that is there anything to
hear or see.  What an order changed is folded back from the records.
"""

from micropython import const

from . import dialog, doors, events, records, screens
from .labels import all_digits
from .limits import DISPLAY_COLUMNS, NAME_CHARS_MAX, NOTICE_LINES_MAX, REOPEN_S_MAX
from .timekeeping import MINUTE_S, LocalTime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import (
        ConfigureOrder,
        ContentsOrder,
        DoorOrder,
        IdentifyOrder,
        Members,
        MessageOrder,
        Now,
        Order,
        OrderHandler,
        Payload,
        ReserveOrder,
        Screen,
        TimeOrder,
    )
    from ..site import Site
    from .core import Core
    from .doors import Door


NOTICE_TIMER = const(4)
SIGN_TIMER = const(5)
RESTART_TIMER = const(6)
CLOCK_TIMER = const(7)

# How an order ended, for the host (records.COMMAND, replies); a number keeps its meaning for ever.
RESULT_NAMES = (
    "ok", "no_such_door", "is_open", "busy", "out_of_order", "too_many", "not_free", "in_the_past", "unfit",
    "failed", "full",
)  # fmt: skip
OK, NO_SUCH_DOOR, IS_OPEN, BUSY, OUT_OF_ORDER, TOO_MANY, NOT_FREE, IN_THE_PAST, UNFIT, FAILED, FULL = range(
    11
)

# Settings that the host may change; "" restores the value of the configuration file.
SETTINGS = ("language", "name", "reopen_s")
_LANGUAGE, _NAME, _REOPEN_S = range(3)

_NOTICE_LOOK_S = const(3600)
_SIGN_MS = const(2_000)
_RESTART_FIRST_MS = const(3_000)  # time to send the reply
_RESTART_AGAIN_MS = const(1_000)
_RESTART_PATIENCE = const(900)  # looks; then a keypad in endless use delays it no more


class Orders:
    """``core`` is the ``Core`` it belongs to, ``site`` as there."""

    def __init__(self, core: "Core", site: "Site") -> None:
        self._core = core
        self._site = site
        self._settings: dict[int, str] = {}  # number in SETTINGS -> text
        self._notices: dict[int, tuple[int, str]] = {}  # number of the language -> (until epoch s, text)
        self.local = LocalTime()
        self._sign_ms = 0  # still to beep and blink
        self._led = events.LED_READY
        self._piece = 0  # of the contents, to come next
        self._looks = 0  # looks for a good moment to restart

    # --- the fold ----------------------------------------------------------------------------------

    def apply(self, kind: int, payload: "Payload") -> None:
        """Fold one record; other kinds change nothing."""
        if kind == records.SETTING:
            which, value = records.unpack(kind, payload)
            if value:
                self._settings[which] = value
            else:
                self._settings.pop(which, None)
            self._configure(which, value)
        elif kind == records.NOTICE:
            language, until, text = records.unpack(kind, payload)
            if text and language < len(self._site.languages):
                self._notices[language] = (until, text)
            else:
                self._notices.pop(language, None)
        elif kind == records.LOCAL_TIME:
            self.local.told = records.unpack(kind, payload)
        elif kind == records.BOUND:
            self._core.wants = bool(records.unpack(kind, payload)[1])

    def _configure(self, which: int, value: str) -> None:
        site = self._site
        if which == _LANGUAGE:
            self._core.session.speak(value if value in site.languages else site.language)
        elif which == _NAME:
            self._core.site_name = value or site.site_name
        elif which == _REOPEN_S:
            self._core.cabinet.reopen_s = int(value) if value else site.reopen_s

    def snapshot(self) -> "Members":
        """Yield ``(kind, payload)`` of records that fold to the present state."""
        for which, value in self._settings.items():
            yield records.SETTING, records.pack(records.SETTING, which, value)
        for language, (until, text) in self._notices.items():
            yield records.NOTICE, records.pack(records.NOTICE, language, until, text)
        if self.local.told:
            yield records.LOCAL_TIME, records.pack(records.LOCAL_TIME, *self.local.told)

    # --- for the core ------------------------------------------------------------------------------------

    def order(self, body: "Order", now: "Now") -> None:
        """Carry out one command; unknown names are a fault of the program."""
        result = self._BY_NAME[body["cmd"]](self, body, now)
        self.spend(body["n"], result, body["id"])

    def spend(self, counter: int, result: int, command_id: str) -> None:
        """The command with this counter has been decided."""
        self._core.record(records.COMMAND, counter, result, command_id)
        self._core.effect((events.FX_REPLY, command_id, RESULT_NAMES[result]))

    def led(self, state: int) -> None:
        """Set the lamp's state; a sign in progress (``identify``) ends first."""
        self._led = state
        if self._sign_ms <= 0:
            self._core.effect((events.FX_LED, state))

    def timer(self, which: int, now: "Now") -> None:
        """One of this module's timers."""
        if which == NOTICE_TIMER:
            self._refresh()
            self.watch_notice(now)
        elif which == CLOCK_TIMER:
            self._refresh()
            self.watch_clock(now)
        elif which == SIGN_TIMER:
            self._sign()
        elif which == RESTART_TIMER:
            self._restart()

    def notice(self, language: str, time_s: int) -> "Screen | None":
        """``(screen, args)`` of the message to show now, in this language if it has one; None: no message."""
        best = None
        for number, (until, text) in self._notices.items():
            if time_s < until and (best is None or self._site.languages[number] == language):
                best = text
        if best is None:
            return None
        first, _, second = best.partition("|")
        return screens.NOTICE, (first, second)

    def watch_notice(self, now: "Now") -> None:
        """Look again when the message ends."""
        ends = [until for until, _ in self._notices.values() if until > now[1]]
        if ends:
            left_s = min(min(ends) - now[1], _NOTICE_LOOK_S)
            self._core.effect((events.FX_TIMER, NOTICE_TIMER, left_s * 1000))

    def heading(self, name: str, now: "Now") -> str:
        """The first line while no person is there: the site's name, and the clock if both fit.

        The clock is shown only while the time is trusted: no clock is better than a wrong one.
        """
        clock = self.local.clock(now[1]) if now[2] == events.TRUST_SET else ""
        if not clock or len(name) + 1 + len(clock) > DISPLAY_COLUMNS:
            return name
        return name + " " * (DISPLAY_COLUMNS - len(name) - len(clock)) + clock

    def watch_clock(self, now: "Now") -> None:
        """Update the display when its clock must change."""
        if self.local.told and now[2] == events.TRUST_SET:
            self._core.effect((events.FX_TIMER, CLOCK_TIMER, (MINUTE_S - now[1] % MINUTE_S) * 1000))

    def _time(self, body: "TimeOrder", now: "Now") -> int:
        """The clock was set by the shell; record the local time, for times without the host."""
        told = (body["offset_s"], body["next_s"], body["next_offset_s"])
        if told != self.local.told:
            self._core.record(records.LOCAL_TIME, *told)
        self._refresh()
        self.watch_clock(now)
        return OK

    # --- compartments ------------------------------------------------------------------------------------

    def _door(self, index: int) -> "Door | None":
        all_doors = self._core.cabinet.doors
        return all_doors[index] if index < len(all_doors) else None

    def _block(self, body: "DoorOrder", now: "Now") -> int:
        door = self._door(body["door"])
        if door is None:
            return NO_SUCH_DOOR
        if not door.block:
            self._core.record(records.BLOCKED, body["door"], doors.BLOCKED_OPERATOR)
        return OK

    def _release(self, body: "DoorOrder", now: "Now") -> int:
        """Free for new parcels again, whoever blocked or reserved it."""
        door = self._door(body["door"])
        if door is None:
            return NO_SUCH_DOOR
        if door.block:
            self._core.record(records.RELEASED, body["door"], door.block)
        if door.reserved:
            self._core.record(records.RESERVED, body["door"], 0, "")
        return OK

    def _reserve(self, body: "ReserveOrder", now: "Now") -> int:
        """Keep an empty compartment for one parcel; the parcel's older reservation is void."""
        index, parcel = body["door"], body["parcel"]
        door = self._door(index)
        if door is None:
            return NO_SUCH_DOOR
        if body["until"] <= now[1]:
            return IN_THE_PAST
        others = door.reserved not in ("", parcel) and door.reserved_until > now[1]
        if door.content or door.block or door.ordered or others:
            return NOT_FREE
        for i, other in enumerate(self._core.cabinet.doors):
            if other.reserved == parcel and i != index:
                self._core.record(records.RESERVED, i, 0, "")
        self._core.record(records.RESERVED, index, body["until"], parcel)
        return OK

    def _contents(self, body: "ContentsOrder", now: "Now") -> int:
        """What the host knows of the compartments; after the last piece people are served."""
        core = self._core
        if not core.wants or body["piece"] not in (0, self._piece):
            return UNFIT
        self._piece = body["piece"] + 1
        index = body["first"]
        for content, block, parcel in body["doors"]:
            door = self._door(index)
            if door:  # blocked here: by what was seen since the start
                state = core.cabinet.state(index, content, block or door.block, parcel)
                core.record(records.DOOR_STATE, *state)
            index += 1
        if not body["more"]:
            core.record(records.THROTTLE_STATE, body["tries"] * 1000, now[1])
            core.record(records.BOUND, core.tag, False)
        return OK

    # --- settings and the message on the display ---------------------------------------------------------

    def _set(self, body: "ConfigureOrder", now: "Now") -> int:
        """Set all of the settings, or none."""
        if not all(self._may_set(name, value) for name, value in body["set"]):
            return UNFIT
        for name, value in body["set"]:
            self._core.record(records.SETTING, SETTINGS.index(name), value)
        self._refresh()
        return OK

    def _may_set(self, name: str, value: str) -> bool:
        if not value:
            return name in SETTINGS
        if name == "language":
            return value in self._site.languages
        if name == "name":
            return len(value) <= NAME_CHARS_MAX
        return name == "reopen_s" and all_digits(value) and len(value) <= 3 and int(value) <= REOPEN_S_MAX

    def _message(self, body: "MessageOrder", now: "Now") -> int:
        """Show a message in place of the site's name until it ends; one without any text removes it."""
        languages = self._site.languages
        texts: dict[int, str] = {}
        for language, text in body["text"]:
            lines = text.split("|")
            if language not in languages or len(lines) > NOTICE_LINES_MAX:
                return UNFIT
            if max(len(line) for line in lines) > DISPLAY_COLUMNS:
                return UNFIT
            texts[languages.index(language)] = text
        if body["until"] <= now[1]:
            return IN_THE_PAST
        for number in range(len(languages)):
            text = texts.get(number, "")
            if text or number in self._notices:
                self._core.record(records.NOTICE, number, body["until"] if text else 0, text)
        self._refresh()
        self.watch_notice(now)
        return OK

    def _refresh(self) -> None:
        if self._core.session.state == dialog.IDLE:
            self._core.session.home()

    # --- a sign, a restart ----------------------------------------------------------------------------------

    def _identify(self, body: "IdentifyOrder", now: "Now") -> int:
        """Beep and blink, so that somebody among many lockers finds this one."""
        self._sign_ms = body["seconds"] * 1000
        self._core.effect((events.FX_TIMER, SIGN_TIMER, 0))
        return OK

    def _sign(self) -> None:
        if self._sign_ms <= 0:
            self._core.effect((events.FX_LED, self._led))
            return
        self._core.effect((events.FX_BEEP, events.BEEP_REMIND))
        self._core.effect((events.FX_LED, events.LED_BUSY))
        wait_ms = min(self._sign_ms, _SIGN_MS)
        self._sign_ms -= wait_ms
        self._core.effect((events.FX_TIMER, SIGN_TIMER, wait_ms))

    def _reboot(self, body: "Order", now: "Now") -> int:
        self._looks = 0
        self._core.effect((events.FX_TIMER, RESTART_TIMER, _RESTART_FIRST_MS))
        return OK

    def _restart(self) -> None:
        """Restart when nobody is being served, and never while a door is being opened."""
        self._looks += 1
        served = self._core.session.state != dialog.IDLE and self._looks < _RESTART_PATIENCE
        if served or any(door.phase == doors.ORDERED for door in self._core.cabinet.doors):
            self._core.effect((events.FX_TIMER, RESTART_TIMER, _RESTART_AGAIN_MS))
        else:
            self._core.effect((events.FX_RESTART,))

    _BY_NAME: "dict[str, OrderHandler]" = {
        "block": _block,
        "release": _release,
        "reserve": _reserve,
        "configure": _set,
        "message": _message,
        "identify": _identify,
        "reboot": _reboot,
        "time": _time,
        "clock": _time,
        "contents": _contents,
    }
