"""The figures of the morning by mail: to confirmed addresses, once a day, to those who may."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from messaging.exceptions import ChannelProblem
from messaging.handover import Taken
from messaging.jobs import sweep
from messaging.models import Message
from reports import jobs
from reports.figures import recount
from reports.models import MorningSubscription
from staff.enums import Role
from staff.models import User
from tests.concurrency import at_once
from tests.factories import StaffFactory
from tests.reports.files import scene_in

pytestmark = pytest.mark.django_db

PAGE = "/admin/dashboard/mail/"
MORNING = Message.objects.filter(key__startswith="morning:").order_by("pk")


@pytest.fixture
def authority() -> User:
    return StaffFactory(role=Role.AUTHORITY, email="dawn@authority.example")


def link_of(user: User) -> str:
    """The address of the page in the mail that was written last."""
    letter = Message.objects.filter(key__startswith=f"morning-address:{user.pk}:").latest("pk")
    assert letter.to == user.email
    url = urlsplit(re.search(r"https?://\S+", letter.text)[0])
    return f"{url.path}?{url.query}"


def subscribed(client, user: User, clock, language: str = "en") -> None:
    """By the page and the link of the mail, at noon."""
    clock.at("12:00")
    client.force_login(user)
    client.cookies["jari_language"] = language
    assert client.post(PAGE, {"act": "subscribe"}).status_code == 302
    page = client.get(link_of(user))
    answer = client.post(PAGE, {"act": "confirm", "code": page.context["code"]}, follow=True)
    assert user.email in answer.content.decode()
    assert MorningSubscription.objects.get(user=user).confirmed_at


def test_a_subscriber_gets_one_mail_each_morning_without_people(client, authority, clock):
    clock.at("11:00")
    there = scene_in("서울특별시", "강남구", "남궁민수")
    subscribed(client, authority, clock)
    recount()

    jobs.send_mornings()  # today's morning was before the address was confirmed
    clock.move_to(clock.now().replace(hour=5, minute=59) + timedelta(days=1))
    jobs.send_mornings()
    assert not MORNING.exists()
    clock.forward(minutes=1)
    jobs.send_mornings()
    jobs.send_mornings()

    mail = MORNING.get()
    assert (mail.channel, mail.to) == ("email", authority.email)
    assert "First doses: fewer than 5" in mail.text
    assert "All doses: fewer than 5" in mail.text
    assert "Did not come: 0" in mail.text
    assert "/admin/dashboard/?first=2027-04-14&last=2027-04-14" in mail.text
    for hidden in (there.person.name, there.person.phone, there.reservation.number):
        assert hidden not in mail.text
    clock.forward(days=1)
    jobs.send_mornings()
    assert MORNING.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_workers_write_one_mail_which_is_tried_again(client, authority, clock, monkeypatch):
    subscribed(client, authority, clock)
    clock.move_to(clock.now().replace(hour=6) + timedelta(days=1))
    Message.objects.all().delete()
    tried = []

    def fails_once(**letter):
        tried.append(letter["to"])
        if len(tried) == 1:
            raise ChannelProblem("the server did not answer")
        return Taken()

    monkeypatch.setattr("messaging.services.deliver", fails_once)
    at_once([jobs.send_mornings] * 3)
    sweep()
    sweep()

    assert MORNING.get().status == "sent"
    assert tried == [authority.email] * 2


def test_a_local_government_gets_its_own_area_in_its_own_language(client, clock):
    clock.at("11:00")
    scene_in("부산광역시", "해운대구", "남의편")
    user = StaffFactory(
        role=Role.LOCAL, region="서울특별시", district="강남구", email="g@local.example"
    )
    subscribed(client, user, clock, "ko")
    recount()
    clock.move_to(clock.now().replace(hour=6) + timedelta(days=1))

    jobs.send_mornings()

    text = MORNING.get().text
    assert "서울특별시 강남구" in text
    assert "1차 접종: 0" in text


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": Role.OPERATOR}])
def test_without_the_account_or_the_right_the_mails_end(client, authority, clock, change):
    subscribed(client, authority, clock)
    User.objects.filter(pk=authority.pk).update(**change)
    clock.move_to(clock.now().replace(hour=6) + timedelta(days=1))

    jobs.send_mornings()

    assert not MORNING.exists()
    assert not MorningSubscription.objects.exists()


def test_a_new_address_is_confirmed_anew(client, authority, clock):
    subscribed(client, authority, clock)
    old = link_of(authority)
    User.objects.filter(pk=authority.pk).update(email="new@authority.example")
    clock.move_to(clock.now().replace(hour=6) + timedelta(days=1))

    jobs.send_mornings()

    assert not MORNING.exists()
    client.force_login(User.objects.get())
    assert "new@authority.example now, and is not confirmed" in client.get(PAGE).content.decode()
    code = client.get(old).context["code"]
    answer = client.post(PAGE, {"act": "confirm", "code": code}, follow=True)
    assert "does not hold any more" in answer.content.decode()


def test_a_link_is_of_one_account_for_three_days(client, authority, clock):
    clock.at("12:00")
    client.force_login(authority)
    client.post(PAGE, {"act": "subscribe"})
    client.post(PAGE, {"act": "subscribe"})
    assert Message.objects.count() == 1  # once a minute
    code = client.get(link_of(authority)).context["code"]
    other = StaffFactory(role=Role.AUTHORITY, email="other@authority.example")
    client.force_login(other)
    client.post(PAGE, {"act": "subscribe"})

    client.post(PAGE, {"act": "confirm", "code": code})
    client.post(PAGE, {"act": "confirm", "code": "forged"})
    clock.forward(days=3, minutes=1)
    client.force_login(authority)
    client.post(PAGE, {"act": "confirm", "code": code})

    assert not MorningSubscription.objects.filter(confirmed_at__isnull=False).exists()
    client.post(PAGE, {"act": "end"})
    assert [row.user for row in MorningSubscription.objects.all()] == [other]


@pytest.mark.parametrize("email", ["", "x&smtp=127.0.0.1@evil.example"])
def test_without_an_address_the_page_says_so(client, email):
    client.force_login(StaffFactory(role=Role.AUTHORITY, email=email))
    client.cookies["jari_language"] = "en"

    page = client.post(PAGE, {"act": "subscribe"}, follow=True).content.decode()

    assert "Your account has no e-mail address that can be written to." in page
    assert not MorningSubscription.objects.exists()
    assert not Message.objects.exists()
    assert client.post(PAGE, {"act": "?"}).status_code == 400
