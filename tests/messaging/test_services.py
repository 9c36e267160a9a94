import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from redis import RedisError

from messaging import background, services
from messaging.background import wait_until_sent
from messaging.enums import Channel, MessageStatus
from messaging.handover import Taken
from messaging.hooks import RenderedMessage, renderers
from messaging.models import Message
from messaging.services import send_message, send_waiting, try_again, write_message
from outside.background import Background


@pytest.fixture(autouse=True)
def outbox(settings, tmp_path):
    settings.HOME = tmp_path
    return tmp_path / "outbox"


def sent(outbox):
    return [json.loads(file.read_text()) for file in sorted(outbox.glob("*.json"))]


def written(**more):
    facts = {
        "key": "called:1",
        "kind": "called",
        "channel": Channel.SMS,
        "to": "+821000000001",
        "text": "차례가 되었습니다.",
    }
    return write_message(**(facts | more))


@pytest.mark.django_db
def test_message_is_written_once_per_key_and_the_second_try_breaks_nothing():
    with transaction.atomic():
        first, second = written(), written(text="other")
        still_working = Message.objects.count()

    assert (first, second, still_working) == (True, False, 1)
    assert Message.objects.get().text == "차례가 되었습니다."


@pytest.mark.django_db
def test_message_is_not_readable_in_the_database():
    written()

    with connection.cursor() as cursor:
        cursor.execute('SELECT "to", text FROM messaging_message')
        stored = b"".join(bytes(value) for value in cursor.fetchone())

    assert b"821000000001" not in stored
    assert "차례".encode() not in stored


@pytest.mark.django_db
def test_message_of_a_rolled_back_act_is_never_sent(outbox):
    with transaction.atomic():
        written()
        transaction.set_rollback(True)

    assert send_waiting() == 0
    assert sent(outbox) == []


@pytest.mark.django_db
def test_sending_puts_the_message_into_the_outbox_once(outbox):
    written()
    message = Message.objects.get()

    outcomes = [send_message(message.pk), send_message(message.pk)]

    assert outcomes == [MessageStatus.SENT, None]
    assert sent(outbox) == [{"channel": "sms", "to": "+821000000001", "text": "차례가 되었습니다."}]


@pytest.mark.django_db(transaction=True)
def test_a_job_delivered_twice_at_once_sends_once(monkeypatch):
    written()
    pk = Message.objects.get().pk
    inside, go_on, delivered = threading.Event(), threading.Event(), []

    def slow_deliver(**message):
        delivered.append(message["key"])
        inside.set()
        go_on.wait(10)
        return Taken()

    monkeypatch.setattr(services, "deliver", slow_deliver)

    def first_worker():
        send_message(pk)
        connection.close()

    worker = threading.Thread(target=first_worker)
    worker.start()
    inside.wait(10)
    second = send_message(pk)
    go_on.set()
    worker.join()

    assert second is None
    assert delivered == ["called:1"]
    assert Message.objects.get().status == MessageStatus.SENT


@pytest.mark.django_db(transaction=True)
def test_without_redis_the_message_leaves_soon_and_not_by_the_thread_that_makes_the_page(
    outbox, monkeypatch
):
    def gone(queue, job):
        raise RedisError("gone")

    senders = []
    monkeypatch.setattr(services.jobs, "enqueue_once", gone)
    monkeypatch.setattr(
        services,
        "send_message",
        lambda pk: (senders.append(threading.current_thread()), send_message(pk)),
    )

    written()
    wait_until_sent()

    assert len(sent(outbox)) == 1
    assert [sender is threading.current_thread() for sender in senders] == [False]


def test_a_gateway_that_hangs_makes_no_endless_backlog_in_a_web_process(monkeypatch):
    monkeypatch.setattr(background, "_sending", Background("send", threads=2, most=2))
    go_on, started = threading.Event(), threading.Semaphore(0)

    def hang(pk):
        started.release()
        go_on.wait(10)

    taken = [background.in_background(hang, pk) for pk in range(3)]
    go_on.set()
    wait_until_sent()

    assert taken == [True, True, False]


@pytest.mark.django_db
def test_sweep_sends_what_was_never_rung_for_but_nothing_before_its_time(outbox):
    written(key="due")
    written(key="later", not_before=timezone.now() + timedelta(hours=1))

    assert send_waiting() == 1
    assert Message.objects.get(key="later").status == MessageStatus.WAITING
    assert len(sent(outbox)) == 1


@pytest.mark.django_db
def test_a_sweep_ends_when_its_time_is_up_and_the_next_goes_on(outbox):
    for number in range(3):
        written(key=f"due:{number}")

    assert [send_waiting(seconds=0) for _sweep in range(4)] == [1, 1, 1, 0]
    assert len(sent(outbox)) == 3


@pytest.mark.django_db
def test_message_that_came_too_late_is_not_sent(outbox):
    written(not_after=timezone.now() - timedelta(seconds=1))

    send_waiting()

    assert Message.objects.get().status == MessageStatus.EXPIRED
    assert sent(outbox) == []


@pytest.mark.django_db
def test_failing_channel_is_tried_again_and_then_shown_as_failed(settings):
    settings.HOME = settings.HOME / "file"
    settings.HOME.write_text("a file where the folder should be")
    written()
    message = Message.objects.get()

    for _try in range(services.MOST_TRIES):
        send_waiting()
    message.refresh_from_db()

    assert (message.status, message.tries) == (MessageStatus.FAILED, services.MOST_TRIES)
    assert message.problem == "The outbox can't be written: Not a directory."
    try_again(message=message)
    message.refresh_from_db()
    assert (message.status, message.tries) == (MessageStatus.WAITING, 0)


def noted(key="confirmed:1"):
    """As the booking statements leave it: what is to be told, but not the words."""
    return Message.objects.create(
        key=key, kind="confirmed", channel=Channel.SMS, status=MessageStatus.UNWRITTEN
    )


@pytest.mark.django_db
def test_what_was_only_noted_is_written_when_it_is_sent_and_kept(outbox, monkeypatch):
    letter = RenderedMessage(Channel.EMAIL, "me@example.org", "예약되었습니다.")
    monkeypatch.setitem(renderers, "confirmed", lambda keys: {"confirmed:1": letter})
    message = noted()

    outcomes = [send_message(message.pk), send_message(message.pk)]

    assert outcomes == [MessageStatus.SENT, None]
    assert sent(outbox) == [{"channel": "email", "to": letter.to, "text": letter.text}]
    message.refresh_from_db()
    assert (message.channel, message.to, message.text) == letter


@pytest.mark.django_db
def test_a_sweep_writes_many_notes_at_once(outbox, monkeypatch):
    asked = []

    def write(keys):
        asked.append(len(keys))
        return {key: RenderedMessage(Channel.SMS, "+821000000001", key) for key in keys}

    monkeypatch.setitem(renderers, "confirmed", write)
    for number in range(services.WRITTEN_TOGETHER + 2):
        noted(f"confirmed:{number}")

    assert send_waiting() == services.WRITTEN_TOGETHER + 2
    assert asked == [services.WRITTEN_TOGETHER, 2]
    assert len(sent(outbox)) == services.WRITTEN_TOGETHER + 2


@pytest.mark.django_db
def test_what_was_written_is_not_written_anew_when_the_channel_failed(gateway, monkeypatch):
    letters = iter([RenderedMessage(Channel.SMS, "+821000000001", "first")])
    monkeypatch.setitem(renderers, "confirmed", lambda keys: {keys[0]: next(letters)})
    noted()
    gateway.answer = 503
    send_waiting()
    gateway.answer = 200

    send_waiting()

    assert [text for _path, text in gateway.heard] == ["first", "first"]
    assert Message.objects.get().status == MessageStatus.SENT


@pytest.mark.django_db
def test_a_note_about_nobody_any_more_is_not_sent(outbox, monkeypatch):
    monkeypatch.setitem(renderers, "confirmed", lambda keys: {})
    noted()

    send_waiting()

    assert Message.objects.get().status == MessageStatus.EXPIRED
    assert sent(outbox) == []


@pytest.mark.django_db
def test_a_note_that_can_not_be_written_holds_up_nobody_and_can_be_tried_again(outbox, monkeypatch):
    def broken(keys):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / %s", [0 if "confirmed:1" in keys else 1])
        return {key: RenderedMessage(Channel.SMS, "+821000000001", key) for key in keys}

    monkeypatch.setitem(renderers, "confirmed", broken)
    message = noted()
    noted("confirmed:2")
    written(key="behind")

    for _try in range(services.MOST_TRIES):
        send_waiting()

    message.refresh_from_db()
    assert (message.status, message.tries) == (MessageStatus.FAILED, services.MOST_TRIES)
    assert message.problem == "It could not be written: DataError."
    assert [one["text"] for one in sent(outbox)] == ["confirmed:2", "차례가 되었습니다."]
    try_again(message=message)
    message.refresh_from_db()
    assert (message.status, message.tries) == (MessageStatus.UNWRITTEN, 0)


@pytest.mark.django_db
def test_nothing_without_words_is_ever_taken_for_written():
    with pytest.raises(IntegrityError, match="message_to_send_is_written"):
        Message.objects.create(key="k", kind="code", channel=Channel.SMS)


class Gateway(BaseHTTPRequestHandler):
    """A text message gateway as Apprise's json:// expects one."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, json.loads(body)["message"]))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *args): ...


@pytest.fixture
def gateway(settings):
    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        server.heard, server.answer = [], 200
        settings.MESSAGE_CHANNELS = {"sms": f"json://127.0.0.1:{server.server_port}/{{to}}"}
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.django_db
def test_a_channel_that_is_set_is_used_instead_of_the_outbox(gateway, outbox):
    written(text="hello")

    send_waiting()

    assert gateway.heard == [("/+821000000001", "hello")]
    assert sent(outbox) == []


@pytest.mark.django_db
def test_a_gateway_that_refuses_leaves_the_message_waiting_with_its_problem(gateway):
    gateway.answer = 503
    written()

    send_waiting()

    message = Message.objects.get()
    assert (message.status, message.tries) == (MessageStatus.WAITING, 1)
    assert message.problem == "The channel did not take the message."
