"""To a landline a call, to a person without a phone a letter; the text message stays the rule."""

import json
from datetime import timedelta

import pytest

from events.services import story_of
from messaging.channels import spoken
from messaging.enums import Channel, MessageStatus
from messaging.letters import batch, batches, letters, print_waiting, waiting
from messaging.models import Message
from messaging.receivers import channel_to
from messaging.services import send_again, send_message, send_waiting, write_message
from tests.concurrency import at_once

pytestmark = pytest.mark.django_db
MOBILE, LANDLINE = "+821012345678", "+8221234567"


@pytest.fixture(autouse=True)
def outbox(settings, tmp_path):
    settings.HOME = tmp_path
    return tmp_path / "outbox"


def written(key: str, to: str, **more) -> Message:
    more = {"kind": "cancelled", "channel": Channel.SMS, "text": "[Jari] x", **more}
    assert write_message(key=key, to=to, **more)
    return Message.objects.get(key=key)


@pytest.mark.parametrize(
    ("channel", "to", "in_time", "has_voice", "expected"),
    [
        ("sms", MOBILE, False, True, "sms"),
        ("sms", MOBILE, True, False, "sms"),
        ("sms", "+15551234567", True, True, "sms"),
        ("voice", MOBILE, True, True, "voice"),
        ("email", "kim@example.org", False, True, "email"),
        ("sms", LANDLINE, True, True, "voice"),
        ("sms", LANDLINE, False, True, "letter"),
        ("sms", LANDLINE, True, False, "letter"),
        ("voice", LANDLINE, False, True, "voice"),
        ("sms", "", True, True, "letter"),
        ("voice", "", True, True, "letter"),
    ],
)
def test_the_phone_decides_how_a_text_message_goes(channel, to, in_time, has_voice, expected):
    assert channel_to(Channel(channel), to, in_time=in_time, has_voice=has_voice) == expected


def test_a_call_reads_neither_tag_nor_address(outbox, clock):
    clock.at("12:00")
    until = clock.now() + timedelta(minutes=10)
    message = written(
        "offer:1", LANDLINE, not_after=until, text="[Jari] A place is free.\nhttps://jari.kr/o/1/"
    )

    send_waiting()

    [file] = outbox.glob("*.json")
    assert json.loads(file.read_text()) == {
        "channel": "voice",
        "to": LANDLINE,
        "text": "A place is free.",
    }
    message.refresh_from_db()
    assert (message.channel, message.status) == ("voice", "sent")
    assert spoken("[자리] 차례입니다. https://x.kr/1 끝") == "차례입니다. 끝"


def test_a_letter_is_not_sent_and_printed_once(outbox):
    message = written("cancelled:1", "", person_id=7)

    assert send_waiting() == 0
    assert [event.kind for event in story_of(7)] == ["letter_waits"]
    send_message(message.pk)
    assert not outbox.exists()
    assert list(waiting(letters())) == [message]

    [printed] = print_waiting(letters(), by="staff:7")
    assert print_waiting(letters(), by="staff:8") == []
    message.refresh_from_db()
    assert (message.status, message.printed_by) == (MessageStatus.SENT, "staff:7")
    [(at, by, count)] = batches(letters())
    assert (at, by, count) == (printed.sent_at, "staff:7", 1)
    assert batch(letters(), printed_at=at, by=by) == [message]
    assert batch(letters(), printed_at=at, by="staff:8") == []
    [event] = story_of(7)
    assert (event.kind, event.actor) == ("letter_printed", "staff:7")


def test_a_letter_that_comes_too_late_is_not_printed(clock):
    clock.at("12:00")
    message = written("offer:2", "", not_after=clock.now() + timedelta(minutes=5))
    clock.forward(minutes=6)

    assert list(waiting(letters())) == []
    send_waiting()
    message.refresh_from_db()
    assert message.status == MessageStatus.EXPIRED


def test_after_a_new_phone_a_letter_is_sent_again_as_a_text_message():
    message = written("cancelled:2", "")
    print_waiting(letters(), by="staff:7")
    message.refresh_from_db()

    send_again(message=message, phone=MOBILE)

    again = Message.objects.exclude(pk=message.pk).get()
    assert (again.channel, again.to) == ("sms", MOBILE)


@pytest.mark.django_db(transaction=True)
def test_two_desks_print_each_letter_once():
    for number in range(6):
        written(f"cancelled:{number}", "")

    taken = at_once([lambda: print_waiting(letters(), by="staff:1")] * 3)

    numbers = [message.pk for rows in taken for message in rows]
    assert sorted(numbers) == sorted(Message.objects.values_list("pk", flat=True))
