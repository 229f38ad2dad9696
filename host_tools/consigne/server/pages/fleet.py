"""The fleet's page: what needs attention first, found, filtered and paged by plain links."""

import time
from collections.abc import Mapping
from urllib.parse import urlencode

from locker.core.timekeeping import DAY_S
from nicegui import ui

from consigne.ui.components import Text, box
from consigne.words import counted

from ..fleet.hostclock import HostClock
from ..fleet.overview import FIND_CHARACTERS_MAX, NEEDS, PAGE, Line, Overview, Shown
from .work import Work

REFRESH_S = 10.0
URGENT = ("alarm", "twins", "offline", "latch", "journal", "lost")
LABELS: Mapping[str, str] = {
    "alarm": "alarms", "twins": "two boards", "offline": "offline", "flapping": "flapping",
    "conflict": "numbers twice", "aside": "not taken", "latch": "weak latches", "blocked": "out of use",
    "sensor": "silent sensors",
    "journal": "journal", "lost": "events lost", "gap": "events missing", "clock": "clock", "fault": "faults",
    "full": "full", "new": "never connected",
}  # fmt: skip


class FleetView:
    """One page of the fleet's list, empty until ``refresh``; then refreshed while somebody looks."""

    def __init__(
        self, work: Work, overview: Overview, clock: HostClock, find: str, only: str, page: int
    ) -> None:
        self._work, self._overview, self._clock = work, overview, clock
        self._asked = (find, only if only in NEEDS else "", max(1, page))
        self._shown: tuple[Shown, str] | None = None
        with box("fleet"):
            self._head = box("card fleet-head")
            self._list = box("card fleet-list")
        ui.timer(REFRESH_S, work.look(self.refresh), immediate=False)

    async def refresh(self) -> None:
        """Read the list and draw it when it changed.  Raises as ``Work.call``."""
        shown = await self._work.call(self._overview.page, *self._asked)
        doubt = self._clock.doubt
        if (shown, doubt) == self._shown:
            return
        self._shown = shown, doubt
        self._head.clear()
        with self._head:
            if doubt:
                Text(f"Lockers are not told the time: {doubt}.", "pill bad", "div").props["role"] = "alert"
            self._draw_head(shown)
        self._list.clear()
        with self._list:
            self._draw_list(shown)

    def _address(self, **changed: str | int) -> str:
        find, only, page = self._asked
        asked = {"find": find, "only": only, "page": page, **changed}
        return "/desk?" + urlencode({name: value for name, value in asked.items() if value not in ("", 1)})

    def _draw_head(self, shown: Shown) -> None:
        find, only, _ = self._asked
        with box("row-line"):
            with ui.element("form").props("method=get action=/desk role=search").classes("find grow"):
                line = ui.element("input").props(
                    f'type=search name=find maxlength={FIND_CHARACTERS_MAX} aria-label="find a locker"'
                )
                line.props["placeholder"] = "Find a locker by name or place"
                line.props["value"] = find
                if only:
                    ui.element("input").props(f"type=hidden name=only value={only}")
            Text(counted(shown.fleet, "locker"), "soft")
        with box("chips"):
            self._chip("all", "", shown.fleet, not only)
            for name in NEEDS:
                if shown.counts.get(name) or name == only:
                    self._chip(LABELS[name], name, shown.counts.get(name, 0), name == only)

    def _chip(self, label: str, only: str, count: int, chosen: bool) -> None:
        tone = "bad" if only in URGENT else "busy" if only else ""
        chip = Text(f"{label} {count:,}", f"pill {tone} {'on' if chosen else ''}", "a")
        chip.props["href"] = self._address(only=only, page=1)
        chip.props["data-only"] = only or "all"

    def _draw_list(self, shown: Shown) -> None:
        if not shown.lines:
            Text("No locker fits." if shown.fleet else "No locker is registered yet.", "quiet", "div")
        for line in shown.lines:
            _draw_line(line)
        pages = (shown.total + PAGE - 1) // PAGE
        if pages > 1:
            page = self._asked[2]
            with box("pages"):
                if page > 1:
                    Text("← before", tag="a").props["href"] = self._address(page=page - 1)
                Text(f"page {page} of {pages}", "soft")
                if page < pages:
                    Text("next →", tag="a").props["href"] = self._address(page=page + 1)


def _draw_line(line: Line) -> None:
    row = box("fleet-line", "a")
    row.props["href"] = f"/desk/locker/{line.id}"
    row.props["data-locker"] = line.id
    with row:
        box(f"dot {'good' if line.connected else 'bad'}", "span")
        with box("who"):
            Text(line.id, tag="b")
            Text(line.title, "soft")
        with box("needs"):
            for name, words in line.needs:
                tone = "bad" if name in URGENT else "busy"
                Text(words, f"pill {tone}").props["data-need"] = name
        Text(f"{line.free} of {line.doors} free" if line.doors else "", "soft num")
        Text(_heard(line.heard_at), "soft num")
        Text(line.firmware, "soft num")


def _heard(at_s: int | None) -> str:
    """How long ago a locker last spoke, in one short word."""
    if at_s is None:
        return "never heard"
    gone_s = max(0, int(time.time()) - at_s)
    for unit_s, unit in ((DAY_S, "d"), (3_600, "h"), (60, "min")):
        if gone_s >= unit_s:
            return f"{gone_s // unit_s} {unit} ago"
    return "just now"
