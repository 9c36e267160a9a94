"""A gateway that takes the connection and says nothing, one that refuses, and a second one."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.views import PARTS
from messaging import gateways
from messaging.channels import check_settings
from messaging.enums import Channel, MessageStatus
from messaging.models import Gateway, Message
from messaging.services import send_codes, send_waiting, write_message
from outside import dependencies
from staff.enums import Role
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(json.loads(body)["message"])
        if self.server.hangs:
            self.server.go_on.wait(60)
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *args): ...


class Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Server)
        self.heard, self.answer, self.hangs, self.go_on = [], 200, False, threading.Event()
        self.url = f"json://127.0.0.1:{self.server_port}/{{to}}"


@pytest.fixture
def servers():
    """Two of them."""
    started = [Http(), Http()]
    threads = [threading.Thread(target=server.serve_forever) for server in started]
    for thread in threads:
        thread.start()
    yield started
    for server, thread in zip(started, threads, strict=True):
        server.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def _short(monkeypatch, settings, tmp_path, clock):
    monkeypatch.setattr(gateways, "SECONDS", 3)
    settings.HOME = tmp_path
    dependencies._dependency.cache_clear()
    clock.freeze()


@pytest.fixture
def one(servers, settings):
    settings.MESSAGE_CHANNELS = {"sms": servers[0].url}
    return servers[0]


@pytest.fixture
def two(servers, settings):
    settings.MESSAGE_CHANNELS = {"sms": servers[0].url, "sms2": servers[1].url}
    return servers


def written(key: str, *, kind: str = "called", channel: Channel = Channel.SMS, **more) -> None:
    to = "+821000000001" if channel == Channel.SMS else "kim@example.org"
    write_message(key=key, kind=kind, channel=channel, to=to, text=key, **more)


def statuses() -> dict[str, str]:
    return dict(Message.objects.order_by("pk").values_list("key", "status"))


def test_a_gateway_that_hangs_is_asked_once_and_holds_up_no_other_channel(one, tmp_path):
    one.hangs = True
    for number in range(5):
        written(f"text {number}")
    written("mail", channel=Channel.EMAIL)

    send_waiting()

    assert one.heard == ["text 0"]
    assert statuses() == {f"text {number}": "waiting" for number in range(5)} | {"mail": "sent"}
    assert len(list((tmp_path / "outbox").glob("*.json"))) == 1
    # Whoever was not asked for has all its tries left.
    assert list(Message.objects.order_by("pk").values_list("tries", flat=True)) == [1, *[0] * 4, 1]


def test_a_gateway_is_tried_again_after_longer_and_longer_rests(one, clock, monkeypatch):
    monkeypatch.setattr(gateways, "SECONDS", 0.1)
    one.hangs = True
    written("text")
    rests = []
    for _time in range(5):
        send_waiting()
        row = Gateway.objects.get()
        rests.append(row.rests_until - clock.now())
        dependencies._dependency.cache_clear()
        clock.move_to(row.rests_until + timedelta(seconds=1))

    assert rests == [timedelta(seconds=seconds) for seconds in (15, 30, 60, 120, 120)]
    one.hangs = False
    one.go_on.set()
    monkeypatch.setattr(gateways, "SECONDS", 30)
    send_waiting()
    assert statuses() == {"text": "sent"}
    assert not Gateway.objects.exists()


def test_codes_go_by_the_next_gateway_where_the_first_hangs(two):
    first, second = two
    first.hangs = True
    for number in range(3):
        written(f"code {number}", kind="code")

    assert send_codes() == 3
    assert first.heard == ["code 0"]
    assert second.heard == ["code 0", "code 1", "code 2"]


def test_three_refusals_in_a_row_are_a_rest_and_a_bad_number_is_none(one):
    one.answer = 503
    written("text 0")
    send_waiting()
    send_waiting()
    assert Gateway.objects.get().rests_until is None
    one.answer = 200
    send_waiting()
    assert not Gateway.objects.exists()

    one.answer = 503
    for number in range(1, 6):
        written(f"text {number}")
    send_waiting()

    assert one.heard[3:] == ["text 1", "text 2", "text 3"]
    assert Gateway.objects.get().rests_until


def test_a_code_that_waited_too_long_is_not_sent_later(one, clock):
    one.hangs = True
    written("text")
    send_waiting()
    written("code", kind="code", not_after=clock.now() + timedelta(seconds=10))
    clock.forward(seconds=12)

    send_codes()

    assert statuses()["code"] == MessageStatus.EXPIRED
    assert one.heard == ["text"]


def test_the_operator_is_told_at_once_and_not_with_each_message(
    one, caplog, client, clock, monkeypatch
):
    monkeypatch.setattr(gateways, "SECONDS", 0.1)
    assert PARTS["messages"]() == "ok"
    one.hangs = True
    written("text")
    send_waiting()
    clock.move_to(Gateway.objects.get().rests_until + timedelta(seconds=1))
    dependencies._dependency.cache_clear()
    send_waiting()

    alarms = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.name for record in alarms] == ["messaging.gateways"]
    assert PARTS["messages"]().startswith("gateway takes nothing: sms since ")
    client.force_login(StaffFactory(role=Role.OPERATOR))
    page = client.get("/admin/messaging/message/")
    [told] = [str(message) for message in page.context["messages"]]
    assert "sms" in told


def test_a_wrong_name_of_a_gateway_stops_the_start(settings):
    for name in ("sms4", "fax", "email22"):
        settings.MESSAGE_CHANNELS = {name: "json://gateway.example/{to}"}
        with pytest.raises(ImproperlyConfigured, match="JARI_MESSAGE_CHANNELS"):
            check_settings()
    settings.MESSAGE_CHANNELS = {"sms3": "json://gateway.example/{to}"}
    check_settings()
