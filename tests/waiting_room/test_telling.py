from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from eligibility.models import Person
from messaging.enums import MessageStatus
from messaging.models import Message
from tests.concurrency import at_once
from tests.waiting_room.scene import call, called, join, make_drawn_room, make_room, open_doors
from tests.waiting_room.test_pages import browser
from waiting_room.models import Alert, Board, Line
from waiting_room.services import entering, joining, rooms
from waiting_room.services.telling import cancel_alert, request_alert, send_alerts

pytestmark = pytest.mark.django_db


def ask(ticket, channel="sms", **more):
    return request_alert(ticket=ticket, channel=channel, language="ko", **more)


def told() -> list[tuple[str, str]]:
    return list(Message.objects.order_by("pk").values_list("kind", "channel"))


def soon_is(room, places: int) -> None:
    """As if the room's estimates said that ten minutes are so many places."""
    document = room.board.document
    document["waits"] = [[places, 300, 600], [places * 10, 3000, 6000]]
    Board.objects.filter(room=room).update(document=document)


def test_everybody_is_told_once_when_called():
    room = make_room()
    ticket, silent, refuses = join(room), join(room), join(room)
    ask(ticket)
    cancel_alert(ticket=refuses, language="ko")
    assert send_alerts() == 0

    call(room, 1)
    assert [send_alerts() for _ in range(3)] == [1, 0, 0]
    call(room, 3)

    assert [send_alerts() for _ in range(3)] == [1, 0, 0]
    assert [message.person_id for message in Message.objects.order_by("pk")] == [
        ticket.person_id, silent.person_id
    ]  # fmt: skip
    message = Message.objects.earliest("pk")
    assert (message.kind, message.channel) == ("called", "sms")
    assert message.to == ticket.person.phone
    assert "차례가 되었습니다" in message.text
    assert message.text.endswith("/mine/")


def test_after_the_draw_the_people_of_the_called_places_are_told():
    room = make_drawn_room()
    tickets = [join(room) for _ in range(6)]
    room = open_doors(room)
    Board.objects.filter(room=room).update(alerted_upto=0)

    call(room, 3)
    send_alerts()

    called_people = {ticket.person_id for ticket in tickets if room.place_of(ticket.entry) <= 3}
    told_people = set(Message.objects.values_list("person_id", flat=True))
    assert called_people <= told_people
    serving = Line.objects.get(room=room).serving
    assert told_people == {t.person_id for t in tickets if room.place_of(t.entry) <= serving}


def test_whoever_asked_is_told_once_when_about_ten_minutes_remain():
    room = make_room()
    tickets = [join(room) for _ in range(8)]
    soon_is(room, 5)
    for ticket in tickets:
        ask(ticket, "email", email="me@example.org")

    assert [send_alerts(), send_alerts()] == [5, 0]
    assert set(told()) == {("soon", "email")}
    assert {message.to for message in Message.objects.all()} == {"me@example.org"}
    assert all(
        message.not_after < timezone.now() + timedelta(minutes=11)
        for message in Message.objects.all()
    )


def test_messages_are_in_the_language_they_were_asked_for_in():
    ticket = called(make_room())
    request_alert(ticket=ticket, channel="sms", language="en")

    send_alerts()

    assert "It is your turn. It is kept" in Message.objects.get().text


def test_who_chose_nothing_is_told_in_the_language_they_last_used():
    ticket = called(make_room())
    Person.objects.filter(pk=ticket.person_id).update(language="en")

    send_alerts()

    assert Message.objects.get().text.startswith("[Jari] It is your turn.")


def test_a_mail_leads_to_the_ticket():
    ticket = called(make_room())
    request_alert(ticket=ticket, channel="email", email="me@example.org", language="ko")

    send_alerts()

    subject, empty, *_text, address = Message.objects.get().text.splitlines()
    assert subject.startswith("예약하실 차례입니다(")
    assert empty == ""
    assert address.endswith(f"/queue/t/{ticket.pk}/")


def test_whoever_asked_before_the_draw_is_told_at_their_place():
    room = make_drawn_room()
    tickets = [join(room) for _ in range(6)]
    for ticket in tickets:
        ask(ticket)
    send_alerts()
    assert Alert.objects.filter(place=None).count() == 6

    room = open_doors(room)
    call(room, 2)

    assert send_alerts() == 2
    first_two = {str(t.person_id) for t in tickets if room.place_of(t.entry) <= 2}
    assert {str(message.person_id) for message in Message.objects.all()} == first_two


def test_whoever_left_or_has_been_inside_is_not_told():
    room = make_room()
    left, inside = join(room), join(room)
    ask(left)
    ask(inside)
    joining.leave_line(ticket=left)
    call(room, 2)
    entering.enter(ticket=inside)

    assert send_alerts() == 0
    assert told() == []


def test_a_closed_room_tells_nobody():
    room = make_room()
    ask(called(room))
    rooms.close_room(room=room, by="staff:1")

    assert send_alerts() == 0


@pytest.mark.django_db(transaction=True)
def test_any_number_of_workers_tell_once(monkeypatch):
    monkeypatch.setattr("messaging.services.wake_worker", lambda *_a, **_k: None)
    room = make_room()
    for _ in range(20):
        ask(join(room))
    call(room, 20)

    at_once([partial(send_alerts)] * 5)

    assert len(told()) == 20
    assert set(Message.objects.values_list("status", flat=True)) == {MessageStatus.WAITING}


def test_asking_is_a_form_that_keeps_what_was_typed():
    ticket = join(make_room())
    client, path = browser(ticket.person), f"/queue/t/{ticket.pk}/tell/"

    asked = client.get(path).content.decode()
    assert 'Text message to <span class="jari-whole">010-****-' in asked
    wrong = client.post(path, {"channel": "email", "email": "nobody at home"})
    assert wrong.status_code == 422
    assert 'value="nobody at home"' in wrong.content.decode()
    missing = client.post(path, {"channel": "email"})
    assert "Type your e-mail address." in missing.content.decode()
    right = client.post(path, {"channel": "email", "email": "me@example.org"})
    assert right.url == f"/queue/t/{ticket.pk}/"
    assert (Alert.objects.get().channel, Alert.objects.get().email) == ("email", "me@example.org")
    assert "We will tell you by e-mail" in client.get(right.url).content.decode()

    client.post(path, {"channel": "email", "email": "me@example.org", "stop": "1"})
    assert (Alert.objects.get().channel, Alert.objects.get().email) == ("none", None)
    assert "Tell me by message when it is my turn" in client.get(right.url).content.decode()


def test_nobody_asks_for_another():
    room = make_room()
    ticket, other = join(room), join(room)

    response = browser(other.person).post(f"/queue/t/{ticket.pk}/tell/", {"channel": "sms"})

    assert response.status_code == 403
    assert not Alert.objects.exists()


def test_the_address_is_not_readable_in_the_table():
    from django.db import connection

    ask(join(make_room()), "email", email="me@example.org")

    with connection.cursor() as cursor:
        cursor.execute("SELECT email FROM waiting_room_alert")
        assert b"example" not in bytes(cursor.fetchone()[0])


def test_a_failed_message_is_seen_and_tried_again(monkeypatch):
    from messaging import services as messaging
    from messaging.channels import ChannelProblem

    ask(called(make_room()))
    send_alerts()

    def broken(**_message):
        raise ChannelProblem("no gateway")

    monkeypatch.setattr(messaging, "deliver", broken)
    messaging.send_waiting()
    message = Message.objects.get()
    assert (message.status, message.problem, message.tries) == ("waiting", "no gateway", 1)
