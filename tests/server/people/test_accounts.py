"""Who is let in, and to what: keys, passwords, sessions, roles, and the machine itself."""

import asyncio
import base64
import hashlib
import time

import httpx2
import pytest
from consigne.server.api import create_app
from consigne.server.errors import Conflict, Invalid, NotFound
from consigne.server.parcels.counter import TRIES, TooMany
from consigne.server.people import accounts as module
from consigne.server.people import rate_limit
from consigne.server.people.accounts import Accounts, NotYet
from consigne.server.people.gate import COOKIE
from consigne.server.people.roles import Role
from consigne.server.service import HostService
from consigne.server.storage.documents import Place
from consigne.server.storage.models import accounts as table
from consigne.server.storage.models import sessions
from host_kit import device_key, register
from sqlalchemy import select, update

PASSWORD = "correct horse battery"
KEPT = "AAAAAAAAAAAAAAAAAAAAAA==.jL7ovRkVXHiUyRV7nchedPiTNgzS2fVYnY5/eMklEf0="
"""How this release keeps it, with a salt of zeros."""


class Api:
    """A host with two lockers, a counter, and an account of each role; spoken to over HTTP."""

    def __init__(self, path):
        self.host = HostService(f"sqlite:///{path}", broker_port=1)
        register(self.host.database, ["L1", "L2"])
        self.host.fleet.register_counter("C1", 5, Place("Shop"))
        self.app = create_app(self.host)
        add, me = self.host.accounts.add, "test"
        self.keys = {
            "operator": add("Ada", Role.OPERATOR, by=me),
            "carrier": add("Swift", Role.CARRIER, holder=7, by=me),
            "rival": add("Slow", Role.CARRIER, holder=8, by=me),
            "merchant": add("Shop", Role.MERCHANT, holder=9, by=me),
            "partner": add("Bike", Role.PARTNER, holder=10, locker="L1", by=me),
            "clerk": add("Marie", Role.CLERK, holder=11, locker="C1", by=me),
        }

    def __call__(self, who, method, path, cookie=None, host="localhost", more_headers=None, **more):
        async def ask():
            transport = httpx2.ASGITransport(app=self.app)
            headers = {"Authorization": f"Bearer {self.keys[who]}"} if who else {}
            headers |= more_headers or {}
            if cookie:
                headers["Cookie"] = f"{COOKIE}={cookie}"
            async with httpx2.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
                return await client.request(method, path, headers=headers, **more)

        return asyncio.run(ask())


@pytest.fixture
def api(tmp_path):
    made = Api(tmp_path / "host.db")
    yield made
    made.host.database.close()


FOR_OPERATORS = [
    ("GET", "/lockers", None), ("GET", "/lockers/L1/events", None), ("GET", "/fleet", None),
    ("GET", "/alarms", None), ("GET", "/metrics", None), ("GET", "/trail", None),
    ("GET", "/lockers/L1/trail", None), ("GET", "/lockers/L1/latches", None),
    ("GET", "/lockers/L1/standing-codes", None), ("POST", "/lockers/L1/standing-codes", {"door": 1}),
    ("POST", "/lockers/L1/open", {"door": 1}), ("POST", "/lockers/L1/reboot", None),
    ("POST", "/lockers/L1/revoke-holder", {"role": 1, "action": 1, "holder": 8}),
    ("POST", "/lockers", {"id": "L3", "device_key": device_key("L3").hex()}),
    ("POST", "/counters", {"id": "C2", "shelves": 5, "place": {}}),
    ("POST", "/alarms/1/clear", {}), ("GET", "/lockers/L1/set-aside", None),
    ("POST", "/lockers/L1/set-aside/again", None),
]  # fmt: skip


@pytest.mark.parametrize("who", ["carrier", "merchant", "partner", "clerk"])
def test_nobody_but_an_operator_orders_lockers_about_or_sees_what_is_not_theirs(api, who):
    for method, path, body in FOR_OPERATORS:
        answer = api(who, method, path, json=body)
        assert (path, answer.status_code) == (path, 403) and "for operators" in answer.json()["detail"]
        assert api("operator", method, path, json=body).status_code in (200, 201, 202, 404, 409)


def test_several_carriers_share_one_box_and_see_their_own_parcels_alone(api):
    for who, id_ in (("carrier", "A1"), ("rival", "B1"), ("merchant", "C1P")):
        assert api(who, "POST", "/parcels", json={"id": id_, "locker": "L1"}).status_code == 201
    assert [one["id"] for one in api("carrier", "GET", "/parcels").json()] == ["A1"]
    assert api("carrier", "GET", "/parcels/A1/code").status_code == 200
    for path in ("/parcels/B1", "/parcels/B1/code", "/parcels/B1/notices"):
        assert api("carrier", "GET", path).status_code == 404
    for path in ("/parcels/B1/revoke", "/parcels/B1/extend"):
        assert api("carrier", "POST", path, json={"days": 1}).status_code == 404
    taken = api("carrier", "POST", "/parcels", json={"id": "B1", "locker": "L2"})
    assert taken.status_code == 409 and "somebody else" in taken.json()["detail"]
    assert len(api("operator", "GET", "/parcels").json()) == 3


def test_a_carrier_gets_the_codes_of_its_own_couriers_and_never_one_for_service(api):
    own = api("carrier", "GET", "/lockers/L1/courier-code").json()["code"]
    asked = api("operator", "GET", "/lockers/L1/courier-code?holder=7").json()["code"]
    assert own == asked
    for wrong in ("holder=8", "role=3", "action=4", "holder=7&role=2"):
        assert api("carrier", "GET", f"/lockers/L1/courier-code?{wrong}").status_code == 403


def test_a_carrier_prints_return_labels_for_its_own_parcels_alone(api):
    for who, id_ in (("carrier", "A1"), ("rival", "B1")):
        api(who, "POST", "/parcels", json={"id": id_, "locker": "L1"})
    made = api("carrier", "POST", "/lockers/L1/tokens", json={"action": 2, "parcel": "A1", "holder": 8})
    assert made.status_code == 201
    body = raw_body(made.json()["token"])
    assert (body[1], int.from_bytes(body[2:4], "big"), body[18:]) == (2, 7, b"A1"), "its own number, not 8"
    assert api("carrier", "POST", "/lockers/L1/tokens", json={"action": 2, "parcel": "B1"}).status_code == 404
    for wrong in ({"action": 2}, {"action": 4, "parcel": "A1"}, {"action": 0, "parcel": "A1"}):
        assert api("carrier", "POST", "/lockers/L1/tokens", json=wrong).status_code == 403
    assert api("partner", "POST", "/lockers/L1/tokens", json={"action": 2, "parcel": "A1"}).status_code == 403


def raw_body(token):
    """The signed part of a token, without its MAC."""
    text = token.removeprefix("CG1")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:-16]


def test_a_partner_sees_what_lies_where_it_sits_but_no_customers_code(api):
    for id_, locker in (("A1", "L1"), ("A2", "L2")):
        api("carrier", "POST", "/parcels", json={"id": id_, "locker": locker})
    assert [one["id"] for one in api("partner", "GET", "/parcels").json()] == ["A1"]
    assert api("partner", "GET", "/parcels/A1").status_code == 200
    assert api("partner", "GET", "/parcels/A2").status_code == 404
    assert api("partner", "GET", "/parcels/A1/code").status_code == 403


def test_a_clerk_serves_at_one_counter_alone(api):
    api.host.fleet.register_counter("C9", 5, Place("Other"))
    assert api("clerk", "POST", "/counters/C1/take-in", json={"parcel": "A1"}).json() == {"shelf": "1"}
    answer = api("clerk", "POST", "/counters/C9/take-in", json={"parcel": "A2"})
    assert answer.status_code == 403 and "does not sit at C9" in answer.json()["detail"]
    assert api("carrier", "POST", "/counters/C1/take-in", json={"parcel": "A2"}).status_code == 403


def test_everybody_learns_where_parcels_can_go(api):
    for who in api.keys:
        points = api(who, "GET", "/points?find=shop").json()
        assert [(one["id"], one["title"]) for one in points] == [("C1", "Shop")]


def test_without_a_key_nobody_is_let_in_and_a_wrong_one_is_nobodys(api):
    assert api(None, "GET", "/parcels").status_code == 401
    api.keys["thief"] = api.keys["carrier"][:-1] + "x"
    refused = api("thief", "GET", "/parcels")
    assert refused.status_code == 401 and "an old key, or one of another host" in refused.json()["detail"]
    browser = api(None, "GET", "/desk/locker/L1", cookie="made-up")
    assert browser.status_code == 401


def test_a_page_that_is_not_logged_in_gets_no_live_connection_either(api):
    sent = []

    async def connect():
        scope = {"type": "websocket", "path": "/_nicegui_ws/socket.io/", "headers": [(b"host", b"localhost")]}
        await api.app(scope, None, sent_by)

    async def sent_by(message):
        sent.append(message["type"])

    asyncio.run(connect())
    assert sent == ["websocket.close"]


def test_a_new_key_ends_the_old_one_and_a_disabled_account_has_none(api):
    old = api.keys["carrier"]
    new = api.host.accounts.renew_key("Swift", "test")
    assert api("carrier", "GET", "/parcels").status_code == 401
    api.keys["carrier"] = new
    assert api("carrier", "GET", "/parcels").status_code == 200 and new != old
    api.host.accounts.disable("Swift", "test")
    assert api("carrier", "GET", "/parcels").status_code == 401
    api.host.accounts.disable("Swift", "test", disabled=False)
    assert api("carrier", "GET", "/parcels").status_code == 200


def test_a_session_opens_pages_and_reads_but_never_carries_out_a_request_of_a_foreign_page(api):
    api.host.accounts.set_password("Ada", PASSWORD, "test")
    token = api.host.accounts.log_in("Ada", PASSWORD)
    assert api(None, "GET", "/fleet", cookie=token).status_code == 200
    refused = api(None, "POST", "/lockers/L1/open", cookie=token, json={"door": 1})
    assert refused.status_code == 403 and "API key" in refused.json()["detail"]
    api.host.accounts.log_out(token)
    assert api(None, "GET", "/fleet", cookie=token).status_code == 401


def test_a_new_password_logs_out_whoever_knew_the_old_one(api):
    accounts = api.host.accounts
    accounts.set_password("Ada", PASSWORD, "test")
    token = accounts.log_in("Ada", PASSWORD)
    accounts.set_password("Ada", PASSWORD + "!", "test")
    assert accounts.by_session(token) is None
    with pytest.raises(Invalid, match="name or the password"):
        accounts.log_in("Ada", PASSWORD)


def test_guessing_a_password_is_slow_and_does_not_tell_which_names_exist(api, monkeypatch):
    accounts = api.host.accounts
    accounts.set_password("Ada", PASSWORD, "test")
    at = [1000.0]
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: at[0])
    for name in ("Ada", "Nobody"):
        for _ in range(module.TRIES):
            with pytest.raises(Invalid, match="name or the password is wrong"):
                accounts.log_in(name, "a wrong password")
        with pytest.raises(NotYet, match="try again in"):
            accounts.log_in(name, PASSWORD)
    at[0] += module.TRY_EVERY_S
    assert accounts.log_in("Ada", PASSWORD)
    told = [entry["action"] for entry in api("operator", "GET", "/trail?limit=200").json()]
    assert told.count("wrong password") == 2 * module.TRIES


def test_no_secret_lies_in_the_database_as_it_is(api):
    api.host.accounts.set_password("Ada", PASSWORD, "test")
    token = api.host.accounts.log_in("Ada", PASSWORD)
    with api.host.database.read() as connection:
        text = str(connection.execute(select(table)).all())
    everything = (api.host.database.engine.url.database, *api.keys.values())
    for secret in (PASSWORD, token, *everything[1:]):
        assert secret not in text
    for suffix in ("", "-wal"):
        with open(everything[0] + suffix, "rb") as file:
            data = file.read()
        assert not [secret for secret in (PASSWORD, token, *everything[1:]) if secret.encode() in data]


def test_without_accounts_this_machine_is_let_in_and_no_name_that_only_leads_to_it(tmp_path):
    host = HostService(f"sqlite:///{tmp_path}/host.db", broker_port=1)
    api = Api.__new__(Api)
    api.host, api.app, api.keys = host, create_app(host), {}
    for name in ("localhost", "127.0.0.1:8080", "[::1]:8080"):
        assert api(None, "GET", "/lockers", host=name).status_code == 200
    for name in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example"):
        assert api(None, "GET", "/lockers", host=name).status_code == 401
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"):
        asked = api(None, "GET", "/lockers", host="127.0.0.1:8080", more_headers={header: "192.0.2.1"})
        assert asked.status_code == 401, "a proxy here that asks for somebody elsewhere is nobody of here"
    host.accounts.add("Ada", Role.OPERATOR, by="test")
    assert api(None, "GET", "/lockers").status_code == 401, "from the first account on, nobody is anonymous"
    host.database.close()


def change(api, name, **values):
    """Write into the row of an account, as another release does."""
    with api.host.database.write() as connection:
        connection.execute(update(table).where(table.c.name == name).values(**values))


def test_an_account_with_a_role_of_another_release_is_let_in_nowhere_and_still_listed(api, caplog):
    accounts = api.host.accounts
    change(api, "Ada", role="auditor", password=KEPT)
    token = "of a session"
    session = {
        "token_hash": hashlib.sha256(token.encode()).hexdigest(),
        "account": "Ada",
        "expires_at": 1 << 40,
    }
    with api.host.database.write() as connection:
        connection.execute(sessions.insert().values(**session))
    for _ in range(3):
        assert api("operator", "GET", "/lockers").status_code == 401
        assert api(None, "GET", "/fleet", cookie=token).status_code == 401
    with pytest.raises(Invalid, match="the name or the password is wrong"):
        accounts.log_in("Ada", PASSWORD)
    assert ("Ada", "auditor") in [(one.name, one.role) for one in accounts.list()]
    told = [text for text in caplog.messages if "cannot be used" in text]
    assert told == ["account 'Ada' cannot be used: this release knows no role 'auditor'"]


def test_a_password_that_another_release_kept_is_a_wrong_one_until_it_is_set_again(api, caplog):
    accounts = api.host.accounts
    change(api, "Ada", password="$argon2id$v=19$x")
    with pytest.raises(Invalid, match="the name or the password is wrong"):
        accounts.log_in("Ada", PASSWORD)
    (told,) = [text for text in caplog.messages if "cannot log in" in text]
    assert "'Ada'" in told and "set it again with consigne account password" in told and PASSWORD not in told


SENSELESS = [
    ("", Role.OPERATOR, {}, Invalid),
    ("a\nb", Role.OPERATOR, {}, Invalid),
    ("A", Role.OPERATOR, {"holder": 1}, Invalid),
    ("A", Role.CARRIER, {}, Invalid),
    ("A", Role.CARRIER, {"holder": 40_000}, Invalid),
    ("A", Role.CARRIER, {"holder": 1, "locker": "L1"}, Invalid),
    ("A", Role.CLERK, {"holder": 1}, Invalid),
    ("A", Role.CLERK, {"holder": 1, "locker": "L1"}, NotFound),
    ("A", Role.PARTNER, {"holder": 1, "locker": "C1"}, NotFound),
    ("Ada", Role.OPERATOR, {}, Conflict),
    ("Eve\n", Role.OPERATOR, {}, Invalid),
]


def test_an_account_that_makes_no_sense_is_not_made(api):
    before = api.host.accounts.list()
    for name, role, more, error in SENSELESS:
        with pytest.raises(error):
            api.host.accounts.add(name, role, by="test", **more)
    assert api.host.accounts.list() == before


def test_a_session_ends_by_itself(tmp_path, monkeypatch, api):
    accounts = Accounts(api.host.database)
    accounts.set_password("Ada", PASSWORD, "test")
    token = accounts.log_in("Ada", PASSWORD)
    later = time.time() + module.SESSION_S + 1
    monkeypatch.setattr(module.time, "time", lambda: later)
    assert accounts.by_session(token) is None


def test_wrong_codes_at_the_page_and_at_the_api_are_counted_together(api):
    half = TRIES // 2
    for _ in range(half):
        with pytest.raises(NotFound):
            api.host.counter.find("C1", "12345678")  # what the counter's page calls
    wrong = {"code": "12345678"}
    statuses = [
        api("clerk", "POST", "/counters/C1/hand-over", json=wrong).status_code for _ in range(TRIES - half)
    ]
    assert set(statuses) == {404}
    assert api("clerk", "POST", "/counters/C1/hand-over", json=wrong).status_code == 429
    with pytest.raises(TooMany):
        api.host.counter.find("C1", "12345678")
