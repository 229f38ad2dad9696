"""Customers are told what happens to their parcels: once, in time, in their language, and nobody else is."""

import asyncio
import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest
from consigne.server import serving
from consigne.server.errors import Invalid
from consigne.server.fleet.fleet import Fleet
from consigne.server.ingest.store import Store
from consigne.server.notices import notices, texts
from consigne.server.notices.notices import DAY_S, Outbox
from consigne.server.notices.notifier import Channels, Notifier
from consigne.server.parcels.parcels import Parcels
from consigne.server.service import HostService
from consigne.server.storage.ages import Ages
from consigne.server.storage.documents import Place
from consigne.server.storage.models import lockers
from consigne.server.storage.models import notices as table
from consigne.server.storage.models import parcels as parcels_table
from host_kit import DOORS, collected, deposited, device_key, events
from sqlalchemy import select, update

CONTACT = "mail:someone@example.org"
GOOD = '[channels]\nmail = "json://127.0.0.1/{to}"\n'
PAGE = Path(__file__).parents[3] / "host_tools" / "README.md"


class Gateway:
    """A real HTTP server in the place of a mail or SMS gateway; ``refuse`` makes it answer 503."""

    def __init__(self):
        self.taken, self.paths, self.refuse = [], [], False
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(503 if gateway.refuse else 200)
                self.end_headers()
                if not gateway.refuse:
                    gateway.paths.append(self.path)
                    gateway.taken.append(json.loads(body))

            def log_message(self, *arguments):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://user:s3cret-pass@127.0.0.1:{self.server.server_port}/{{to}}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def titles(self):
        return [one["title"] for one in self.taken]


@pytest.fixture
def gateway():
    made = Gateway()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def database(databases):
    with databases.opened("L1") as opened:
        place = Place("Gare du Nord", "18 rue de Dunkerque", "day and night")
        Fleet(opened).register("L1", device_key("L1"), doors=DOORS, timezone="Europe/Paris", place=place)
        yield opened


@pytest.fixture
def log():
    """All that reaches the program's log, however talkative it was made."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


def announce(database, id_="RR123456785FR", contact=CONTACT, **more):
    return Parcels(database).announce(id_, "L1", contact=contact, **more)


def happens(database, *rows):
    Store(database).commit([events("L1", 1, *rows)])


def send(database, *gateways, phone="+33 1 23 45 67 89", code_of=None):
    """Send until nothing more is due now."""

    async def run():
        channels = Channels(dict(zip(("mail", "sms"), (one.url for one in gateways), strict=False)), phone)
        notifier = Notifier(database, Outbox(database), code_of or Parcels(database).code, channels)
        tried = 0
        while count := await notifier.send_due():
            tried += count
        await notifier.stop()
        return tried

    return asyncio.run(run())


def states(database):
    with database.read() as connection:
        rows = connection.execute(select(table).order_by(table.c.id))
        return [(row.kind, row.state) for row in rows]


def now_s():
    return int(time.time())


def test_a_customer_is_told_that_the_parcel_comes_is_there_and_was_collected(database, gateway):
    announce(database)
    assert send(database, gateway) == 1 and gateway.titles == ["Your parcel is on its way"]
    happens(database, deposited(1, "RR123456785FR", time_s=now_s()))
    send(database, gateway)
    told = gateway.taken[-1]["message"]
    code = Parcels(database).code("RR123456785FR")
    for said in (code, "Gare du Nord", "18 rue de Dunkerque", "day and night", "+33 1 23 45 67 89"):
        assert said in told
    assert gateway.paths[-1] == "/someone@example.org"
    happens(database, collected(2, "RR123456785FR", time_s=now_s()))
    send(database, gateway)
    assert gateway.titles[1:] == ["Your parcel is here", "Your parcel was collected"]
    assert code not in gateway.taken[-1]["message"]
    assert ("reminder", "void") in states(database) and ("expired", "void") in states(database)


def test_a_customer_of_a_locker_in_a_time_zone_that_nobody_knows_is_told_all_the_same(database, gateway):
    with database.write() as connection:
        connection.execute(update(lockers).values(timezone="Mars/Base"))
    announce(database)
    send(database, gateway)
    assert states(database) == [("announced", "sent")]


def test_events_that_come_again_or_out_of_order_tell_nobody_twice(database, gateway):
    announce(database)
    came, went = deposited(1, "RR123456785FR", time_s=now_s()), collected(2, "RR123456785FR", time_s=now_s())
    happens(database, went)
    for _ in range(3):
        happens(database, came, went)
        send(database, gateway)
    assert gateway.titles == ["Your parcel was collected"], "the rest was over before it could be told"


def test_a_reminder_comes_a_day_before_the_end_and_not_to_who_has_collected(database, gateway):
    announce(database, deadline_days=3)
    happens(database, deposited(1, "RR123456785FR", time_s=now_s()))
    send(database, gateway)
    for days, title in ((2, "Your parcel is still waiting"), (1, "Your parcel goes back")):
        assert send(database, gateway) == 0
        with database.write() as connection:
            connection.execute(update(table).values(next_at=table.c.next_at - days * DAY_S))
        send(database, gateway)
        assert gateway.titles[-1] == title
    assert len(gateway.titles) == 3


@pytest.mark.parametrize("late_days,titles", [(2, ["Your parcel is here"]), (4, ["Your parcel goes back"])])
def test_a_locker_that_was_offline_for_days_causes_no_heap_of_old_news(database, gateway, late_days, titles):
    announce(database, deadline_days=3)
    happens(database, deposited(1, "RR123456785FR", time_s=now_s() - late_days * DAY_S - 60))
    send(database, gateway)
    assert gateway.titles == titles


def test_more_days_move_the_reminder_and_the_end(database, gateway):
    announce(database, deadline_days=3, code="listed")
    happens(database, deposited(1, "RR123456785FR", time_s=now_s() - 2 * DAY_S - 60))
    assert send(database, gateway) == 1
    code = Parcels(database).code("RR123456785FR")
    Parcels(database).extend("RR123456785FR", 4, by="Ada")
    assert send(database, gateway) == 0
    waiting = {one.kind: one.next_at for one in Outbox(database).of_parcel("RR123456785FR")}
    end_s = now_s() + 5 * DAY_S - 60
    assert abs(waiting["expired"] - end_s) < 60 and abs(waiting["reminder"] - (end_s - DAY_S)) < 60
    assert Parcels(database).code("RR123456785FR") == code, "the customer's code stays as it is"
    with pytest.raises(Invalid, match="60 days at most, this one 7 now"):
        Parcels(database).extend("RR123456785FR", 54, by="Ada")


def test_a_gateway_that_is_down_is_tried_again_and_no_secret_is_logged(database, gateway, log):
    announce(database)
    gateway.refuse = True
    assert send(database, gateway) == 1
    (row,) = Outbox(database).of_parcel("RR123456785FR")
    assert row.state == "waiting" and 50 < row.next_at - now_s() <= notices.PAUSES_S[0]
    assert "503" in row.error or "Service Unavailable" in row.error
    assert "was not sent" in " ".join(log)
    for secret in ("someone", "s3cret-pass", Parcels(database).code("RR123456785FR")):
        assert secret not in " ".join(log) and secret not in row.error
    gateway.refuse = False
    with database.write() as connection:
        connection.execute(update(table).values(next_at=now_s()))
    send(database, gateway)
    assert gateway.titles == ["Your parcel is on its way"] and states(database) == [("announced", "sent")]


def test_after_the_last_try_a_notice_has_failed_and_is_left_alone(database, gateway):
    announce(database)
    gateway.refuse = True
    for _ in range(len(notices.PAUSES_S) + 1):
        with database.write() as connection:
            connection.execute(update(table).where(table.c.state == "waiting").values(next_at=now_s()))
        send(database, gateway)
    assert states(database) == [("announced", "failed")]


def test_what_is_wrong_with_one_notice_keeps_no_other_back(database, gateway, log):
    """A place's text that a program of another encoding wrote, say: no code of ours expects it."""
    announce(database)
    announce(database, "RR123456785FS")
    codes = Parcels(database).code

    def code_of(id_):
        if id_ == "RR123456785FR":
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "nobody expects this")
        return codes(id_)

    send(database, gateway, code_of=code_of)
    assert gateway.titles == ["Your parcel is on its way"]
    (row,) = Outbox(database).of_parcel("RR123456785FR")
    assert row.state == "failed"
    assert row.error.startswith("cannot be sent: UnicodeDecodeError in code_of, line ")
    assert "nobody expects this" not in " ".join(log)


def test_a_sender_that_ended_ends_the_host_loudly(tmp_path):
    """Otherwise nobody is told anything any more, and nobody knows."""

    async def failed():
        host = HostService(f"sqlite:///{tmp_path / 'host.db'}", broker_port=1, channels=Channels({}, ""))
        host.outbox.take = lambda limit: 1 // 0
        await host.start()
        try:
            async with asyncio.timeout(180):
                await host.wait_failed()
        finally:
            await host.stop()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(failed())


def test_a_sender_that_died_in_the_middle_does_not_swallow_the_notice(database, gateway):
    announce(database)
    assert len(Outbox(database).take(8)) == 1, "taken, and its sender is no more"
    assert send(database, gateway) == 0, "it may still be under way"
    with database.write() as connection:
        connection.execute(update(table).values(next_at=table.c.next_at - notices.LEASE_S))
    send(database, gateway)
    assert gateway.titles == ["Your parcel is on its way"]


def test_two_senders_never_take_the_same_notice(database):
    for number in range(20):
        announce(database, f"P{number}")
    taken = []
    threads = [threading.Thread(target=lambda: taken.extend(Outbox(database).take(20))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.id for one in taken) == sorted({one.id for one in taken}) and len(taken) == 20


def test_a_channel_the_operator_does_not_have_fails_at_once_and_says_which(database, gateway):
    announce(database, contact="sms:+33612345678")
    send(database, gateway)
    (row,) = Outbox(database).of_parcel("RR123456785FR")
    assert row.state == "failed" and "no channel 'sms'" in row.error


def test_a_withdrawn_code_is_sent_to_nobody(database, gateway):
    announce(database)
    Parcels(database).revoke("RR123456785FR")
    assert send(database, gateway) == 0 and states(database) == [("announced", "void")]


def test_without_a_contact_nobody_is_written_to(database, gateway):
    announce(database, contact=None)
    happens(database, deposited(1, "RR123456785FR", time_s=now_s()), deposited(2, "RETURN1", time_s=now_s()))
    assert send(database, gateway) == 0


@pytest.mark.parametrize(
    "contact",
    ["someone@example.org", "mail:", "mail:a@b", "mail:a@b.c?to=d@e.fr", "mail:a b@c.de", "sms:0612345678",
     "sms:+33 6", "json://evil.example", "hook:http://evil.example", "hook:a/../b", "MAIL:a@b.de",
     "mail:a@b.de\n", "sms:+33612345678\n"],
)  # fmt: skip
def test_an_address_that_could_lead_the_host_elsewhere_is_refused(database, contact):
    with pytest.raises(Invalid, match="contact is mail:"):
        announce(database, contact=contact)


def test_every_notice_is_written_in_every_language_and_leaves_out_what_is_not_known():
    unknown = {"address": "", "hours": "", "phone": ""}
    values = dict.fromkeys(("parcel", "code", "title", "until"), "X") | unknown
    for language in ("en", "fr", "de"):
        for kind in texts.KINDS:
            title, text = texts.write(kind, language, values)
            assert title and "{" not in text and "\n\n" not in text and "?" not in text.splitlines()[-1]
    kinds = {"announced", "arrived", "reminder", "expired", "collected", "returned"}
    assert set(texts.KINDS) == kinds


def test_times_are_those_at_the_locker():
    at_s = 1_782_900_000  # 2026-07-01 10:00 UTC
    assert texts.date(at_s, ZoneInfo("Europe/Paris"), "fr") == "01/07 à 12:00"
    assert texts.date(at_s, ZoneInfo("UTC"), "en") == "01 July, 10:00"


def test_a_customers_address_is_forgotten_a_month_after_the_parcel_left(database):
    announce(database)
    gone_s = now_s() - Ages().contacts * 86_400 - 60
    happens(
        database, deposited(1, "RR123456785FR", time_s=gone_s), collected(2, "RR123456785FR", time_s=gone_s)
    )
    notices.forget(database, now_s(), Ages())
    with database.read() as connection:
        assert connection.execute(select(parcels_table.c.contact)).scalar() is None


def test_the_operators_file_is_read_and_refused_in_words(tmp_path):
    path = tmp_path / "notices.toml"
    path.write_text('[channels]\nmail = "json://127.0.0.1/{to}"\n[texts]\nphone = "112"\n')
    path.chmod(0o644)
    with pytest.raises(ValueError, match="chmod 600"):
        Channels.read(path)
    path.chmod(0o600)
    for encoding in ("utf-8", "utf-8-sig"):  # the latter as Notepad writes it
        path.write_text(path.read_text(), encoding=encoding)
        assert Channels.read(path) == Channels({"mail": "json://127.0.0.1/{to}"}, "112")
    for text, said in (
        ("channels", "is not TOML"),
        ("", "has no \\[channels\\]"),
        ('[channels]\nmail = "nonsense"', "channel 'mail' is not one"),
        ("[channels]\nmail = 3", "channel 'mail'"),
        ('texts = "x"\n[channels]\nmail = "json://127.0.0.1/{to}"', "texts is no table"),
        (f"[text]\n{GOOD}", r"nobody reads 'text': it has channels and texts alone"),
        (f'{GOOD}[texts]\nfone = "112"', r"nobody reads 'fone': \[texts\] has phone alone"),
        (f"{GOOD}[texts]\nphone = [1]", "phone is no text: write it in quotes"),
        (f"{GOOD}[texts]\nphone = true", "phone is no text: write it in quotes"),
        (GOOD.replace("mail", "Mail"), "can name a channel 'Mail': a name is 1 to 16 small letters"),
        (GOOD.replace("mail", '"m il"'), "can name a channel 'm il'"),
        (
            GOOD.replace("{to}", "{To}"),
            "channel 'mail' has no {to}, so every customer's code would go to one",
        ),
        (GOOD.replace("{to}", "a@b.example"), "write {to} where the customer's address belongs"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            Channels.read(path)


def test_the_file_that_the_page_prints_is_one_that_the_host_starts_with(tmp_path):
    part = PAGE.read_text(encoding="utf-8").partition("## What customers are told")[2].partition("\n## ")[0]
    printed = "".join(line for line in part.splitlines(keepends=True) if line.startswith("    "))
    path = tmp_path / "notices.toml"
    path.write_text(dedent(printed), encoding="utf-8")
    path.chmod(0o600)
    channels = serving.channels_of(path)
    assert channels is not None and set(channels.urls) == {"mail", "sms", "shop"} and channels.phone
