"""The HTTP API as its callers meet it: what it gives, what it refuses and in which words."""

import asyncio
import time

import httpx2
import pytest
from consigne.cli import app
from consigne.protocol import codes
from consigne.server.access import aside
from consigne.server.api import create_app
from consigne.server.fleet import commands
from consigne.server.fleet.orders import COUNTERS
from consigne.server.ingest.store import Store
from consigne.server.service import HostService
from consigne.server.serving import TOKEN_VARIABLE, Listening, serve
from consigne.server.storage.models import commands as table
from host_kit import DOORS, collected, deposited, device_key, events, occupancy, status
from locker.core import limits
from psycopg import errors
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

KEY = device_key("L1")
NOW_S = int(time.time())
LAYOUT = [{"name": door.name, "size": door.size, "low": door.low} for door in DOORS]


class Api:
    """A host without a broker, spoken to over HTTP as the application receives it."""

    def __init__(self, path, token=None):
        self.host = HostService(f"sqlite:///{path}", broker_port=1)
        self.app = create_app(self.host, token=token)

    def __call__(self, method, path, headers=None, **more):
        async def ask():
            transport = httpx2.ASGITransport(app=self.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, headers=headers, **more)

        return asyncio.run(ask())

    def register(self, id_="L1", **more):
        body = {"id": id_, "device_key": device_key(id_).hex(), "doors": LAYOUT, **more}
        return self("POST", "/lockers", json=body)


@pytest.fixture
def api(tmp_path):
    made = Api(tmp_path / "host.db")
    assert made.register().status_code == 201
    yield made
    made.host.database.close()


def test_what_a_locker_did_not_take_is_listed_and_sent_again(api):
    assert api("GET", "/lockers/L1/set-aside").json() == []
    with api.host.database.write() as connection:
        id_ = commands.revoke(connection, "L1", NOW_S, parcel=("P1", NOW_S + 1000))
        aside.put(connection, "L1", aside.REVOKE, "P1", "full", NOW_S, command=id_)
    (one,) = told = api("GET", "/lockers/L1/set-aside").json()
    assert (one["kind"], one["parcel"], one["result"], one["since"]) == ("revoke", "P1", "full", NOW_S)
    assert one["what"] == "that the code of parcel P1 was revoked" and " " in one["why"]
    again = api("POST", "/lockers/L1/set-aside/again")
    assert (again.status_code, again.json()) == (202, told)
    assert api("GET", "/lockers/L1/set-aside").json() == []
    with api.host.database.read() as connection:
        sent = select(table.c.arguments).where(table.c.cmd == "revoke", table.c.id != id_)
        assert [one["parcels"] for one in connection.execute(sent).scalars()] == [[["P1", NOW_S + 1000]]]
    assert api("POST", "/lockers/L1/set-aside/again").json() == []
    for method, path in (("GET", "/lockers/L9/set-aside"), ("POST", "/lockers/L9/set-aside/again")):
        assert api(method, path).status_code == 404


@pytest.mark.parametrize(("times", "status_code"), [(4, 201), (5, 503)])
def test_who_announces_does_not_see_that_a_transaction_met_others(api, times, status_code):
    met = []

    @event.listens_for(api.host.database.engine, "before_cursor_execute")
    def meets(connection, cursor, statement, *others):
        if statement.startswith("INSERT INTO parcels") and len(met) < times:
            met.append(statement)
            raise OperationalError(statement, None, errors.DeadlockDetected("deadlock detected"))

    answer = api("POST", "/parcels", json={"id": "RR123456785FR", "locker": "L1", "size": 2})
    assert (answer.status_code, len(met)) == (status_code, times)
    assert status_code == 201 or "somebody else changed the same" in answer.json()["detail"]
    assert len(api("GET", "/parcels").json()) == (status_code == 201)


def test_a_parcel_is_announced_its_code_told_and_its_events_shown(api):
    answer = api("POST", "/parcels", json={"id": "RR123456785FR", "locker": "L1", "size": 2})
    assert answer.status_code == 201 and answer.json()["state"] == "announced"
    code = api("GET", "/parcels/RR123456785FR/code").json()["code"]
    assert code == codes.derived_code(KEY, "RR123456785FR")
    Store(api.host.database).commit([events("L1", 1, deposited(1, "RR123456785FR", door=4))])
    parcel = api("GET", "/parcels/RR123456785FR").json()
    assert (parcel["state"], parcel["door"]) == ("in_locker", 4)
    assert [event["kind"] for event in parcel["events"]] == ["deposited"]


def test_a_parcel_whose_label_has_a_slash_is_found(api):
    assert api("POST", "/parcels", json={"id": "FR/12 34", "locker": "L1"}).status_code == 201
    assert api("GET", "/parcels/FR%2F12%2034").json()["id"] == "FR/12 34"
    assert api("GET", "/parcels/FR%2F12%2034/code").json()["code"]
    assert api("POST", "/parcels/FR%2F12%2034/revoke").json()["state"] == "cancelled"


def test_compartments_carry_the_names_people_read(api):
    Store(api.host.database).commit([occupancy("L1", 1, 3, [[1, 0, "P"], [0, 2, None]])])
    first, second, third = api("GET", "/lockers/L1/compartments").json()[:3]
    assert (first["name"], first["content"], first["seen"], first["parcel"]) == ("1", "parcel", "closed", "P")
    assert (second["content"], second["seen"]) == ("empty", "unknown")
    assert (third["content"], third["low"]) == ("unknown", False), "the locker has not spoken of it"
    assert len(api("GET", "/lockers/L1/compartments").json()) == len(DOORS)


def test_events_are_read_page_by_page(api):
    rows = [deposited(n, f"P{n}") for n in range(1, 8)]
    Store(api.host.database).commit([events("L1", 1, *rows)])
    seen, after = [], 0
    while page := api("GET", f"/lockers/L1/events?after={after}&limit=3").json():
        assert len(page) <= 3
        seen += [event["seq"] for event in page]
        after = page[-1]["id"]
    assert seen == list(range(1, 8))


def test_a_door_is_opened_only_at_a_locker_that_listens(api):
    refused = api("POST", "/lockers/L1/open", json={"door": 4})
    assert refused.status_code == 409 and "not connected" in refused.json()["detail"]
    Store(api.host.database).commit([status("L1", 1)])
    answer = api("POST", "/lockers/L1/open", json={"door": 4})
    assert answer.status_code == 202 and answer.json()["state"] == "waiting"
    assert api("GET", f"/lockers/L1/commands/{answer.json()['id']}").json()["cmd"] == "open"
    beyond = api("POST", "/lockers/L1/open", json={"door": len(DOORS)})
    assert beyond.status_code == 422 and "no door 12" in beyond.json()["detail"]


def test_the_courier_code_says_when_it_works(api):
    import time

    now_s = int(time.time())
    answer = api("GET", "/lockers/L1/courier-code?holder=7").json()
    assert answer["code"] in {codes.window_code(KEY, 1, 1, 7, at) for at in (now_s - 5, now_s)}
    assert answer["works_from"] <= now_s <= answer["works_until"]
    assert answer["works_until"] - answer["works_from"] == 86_400 * 3 // 2
    wrong = api("GET", "/lockers/L1/courier-code?holder=7&role=4")
    assert wrong.status_code == 422 and "role 4" in wrong.json()["detail"]


def test_a_technician_before_a_locker_without_time_is_given_the_code_to_its_number(api):
    answer = api("GET", "/lockers/L1/console-code?holder=1&number=123456789").json()
    assert answer == {"code": codes.console_code(KEY, 1, 123_456_789)}
    others = {codes.console_code(KEY, 1, 123_456_788), codes.console_code(KEY, 2, 123_456_789)}
    assert len(others | {answer["code"]}) == 3
    assert api("GET", "/lockers/L1/console-code?holder=1&number=1000000000").status_code == 422
    trail = api("GET", "/lockers/L1/trail").json()
    assert any("console code of holder 1 for number 123456789" in str(entry) for entry in trail), trail


def test_a_token_can_be_made(api):
    token = api("POST", "/lockers/L1/tokens", json={"action": 0, "parcel": "P"}).json()["token"]
    assert token.startswith("CG1")
    assert token != api("POST", "/lockers/L1/tokens", json={"action": 0, "parcel": "P"}).json()["token"]


@pytest.mark.parametrize(
    "method,path,body,status_code,said",
    [
        ("GET", "/lockers/L9", None, 404, "no locker L9"),
        ("GET", "/lockers/L9/events", None, 404, "no locker L9"),
        ("GET", "/lockers/L9/compartments", None, 404, "no locker L9"),
        ("GET", "/lockers/a%20b", None, 422, "locker"),
        ("GET", "/parcels/P", None, 404, "no parcel P"),
        ("GET", "/parcels/P/code", None, 404, "no parcel P"),
        ("GET", "/lockers/L1/commands/xyz", None, 404, "xyz"),
        ("POST", "/parcels", {"id": "P", "locker": "L9"}, 404, "no locker L9"),
        ("POST", "/parcels", {"id": "P", "locker": "L1", "size": 9}, 422, "size"),
        ("POST", "/parcels", {"id": "P", "locker": "L1", "sise": 1}, 422, "sise"),
        ("POST", "/parcels", {"id": "P", "locker": "L1", "code": "magic"}, 422, "code"),
        ("POST", "/parcels", {"locker": "L1"}, 422, "id"),
        ("POST", "/lockers/L1/open", {"door": -1}, 422, "door"),
        ("GET", "/lockers/L1/events?limit=5000", None, 422, "limit"),
        ("GET", "/lockers/L1/events?after=-1", None, 422, "after"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(api, method, path, body, status_code, said):
    answer = api(method, path, json=body)
    assert answer.status_code == status_code
    assert said in answer.json()["detail"]


def test_a_device_key_never_comes_back_not_even_in_an_error(api):
    secret = device_key("L1").hex()
    answers = [api.register(), api.register(digits=99), api.register(device_key=secret + "00")]
    answers += [api("GET", "/lockers"), api("GET", "/lockers/L1"), api("GET", "/openapi.json")]
    assert [answer.status_code for answer in answers] == [200, 422, 422, 200, 200, 200]
    for answer in answers:
        assert secret[:16] not in answer.text


def test_a_registered_key_is_not_replaced(api):
    other = {"id": "L1", "device_key": device_key("other").hex()}
    answer = api("POST", "/lockers", json=other)
    assert answer.status_code == 409 and "another key" in answer.json()["detail"]
    weak = api("POST", "/lockers", json={"id": "L3", "device_key": "00" * 32})
    assert weak.status_code == 422 and "random" in weak.json()["detail"]


def test_registering_again_changes_the_layout_and_keeps_the_rest(api):
    api("POST", "/parcels", json={"id": "P", "locker": "L1"})
    assert api.register(doors=LAYOUT[:3], timezone="Europe/Paris").status_code == 200
    locker = api("GET", "/lockers/L1").json()
    assert (locker["doors"], locker["timezone"]) == (3, "Europe/Paris")
    assert locker["grants"]["version"] == 1
    for zone in ("Paris/Europe", "Europe", "localtime", "../etc/localtime", ""):
        wrong = api.register(timezone=zone)
        told = {"detail": f"timezone {zone!r} is not an IANA name such as Europe/Paris"}
        assert (wrong.status_code, wrong.json()) == (422, told)


def test_a_layout_that_no_locker_could_have_is_not_registered(api):
    door = {"name": "1" * limits.DOOR_NAME_CHARS_MAX, "size": 1}
    assert api.register(doors=[door] * limits.DOORS_MAX).status_code == 200
    for wrong in (
        [door] * (limits.DOORS_MAX + 1),
        [{**door, "name": door["name"] + "1"}],
        [{**door, "name": ""}],
    ):
        assert api.register(doors=wrong).status_code == 422
    assert api("GET", "/lockers/L1").json()["doors"] == limits.DOORS_MAX


def test_a_code_is_made_for_no_number_that_may_take_a_revoked_holders_place(api):
    path = "/lockers/L1/console-code?number=1&holder="
    assert api("GET", f"{path}{limits.HOLDER_MAX}").status_code == 200
    assert api("GET", f"{path}{limits.HOLDER_MAX + 1}").status_code == 422
    assert COUNTERS.start == limits.HOLDER_MAX + 1


def test_with_a_token_configured_nobody_else_gets_in(tmp_path):
    api = Api(tmp_path / "host.db", token="s3cret")
    right = {"Authorization": "Bearer s3cret"}
    for given in (None, "Bearer wrong", "s3cret", "Bearer", "Bearer s3cret2"):
        headers = {} if given is None else {"Authorization": given}
        for path in ("/lockers", "/openapi.json", "/docs", "/nowhere"):
            answer = api("GET", path, headers=headers)
            assert answer.status_code == 401 and "Authorization" in answer.json()["detail"]
    assert api("GET", "/lockers", headers=right).status_code == 200
    assert api("GET", "/healthz").status_code == 503, "whoever watches the host needs no token"
    api.host.database.close()


def test_health_tells_what_is_wrong(api):
    answers = (api("GET", "/healthz") for _ in range(100))
    answer = next(one for one in answers if one.json()["database"])  # a busy machine may ask it too late
    assert answer.status_code == 503
    told = answer.json()
    assert (told["healthy"], told["database"], told["broker"], told["ingest"]) == (False, True, False, False)


def test_health_is_told_to_monitors_that_ask_for_its_status_alone(api):
    answer = api("HEAD", "/healthz")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/json")


def test_a_host_without_a_token_does_not_listen_to_the_world(tmp_path, monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    service = HostService(f"sqlite:///{tmp_path}/host.db", broker_port=1)
    for host in ("0.0.0.0", "::", "192.0.2.1", "host.example.org"):
        with pytest.raises(ValueError, match=TOKEN_VARIABLE):
            serve(Listening(host), service)
    service.database.close()


def test_workers_that_gain_nothing_on_sqlite_are_told_so(tmp_path):
    # The address to listen on is refused, so that nothing is served.
    asked = ["serve", "--database", f"sqlite:///{tmp_path / 'host.db'}", "--listen", "0.0.0.0:8080"]
    assert "one process write at a time" in CliRunner().invoke(app, [*asked, "--workers", "2"]).output
    assert "one process write at a time" not in CliRunner().invoke(app, asked).output


def test_a_locker_is_retired_once_nothing_lies_in_it(api):
    Store(api.host.database).commit([events("L1", 1, deposited(1, "RR123456785FR"))])
    refused = api("POST", "/lockers/L1/retire")
    assert refused.status_code == 409 and "RR123456785FR" in refused.json()["detail"]
    Store(api.host.database).commit([events("L1", 1, collected(2, "RR123456785FR"))])
    assert api("POST", "/lockers/L1/retire").json()["retired_at"]
    assert len(api("GET", "/lockers/L1/events").json()) == 2
    assert api("POST", "/parcels", json={"id": "A", "locker": "L1"}).status_code == 409
