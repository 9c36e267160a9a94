"""What people did to the waiting rooms of 2021. Each trick gains nothing here, and is shown to
gain something in a naive room, so that each of these tests can fail."""

from functools import partial

import pytest

from tests.concurrency import at_once
from tests.promises.naive import NaivePortal
from tests.promises.portal import Portal
from tests.waiting_room import scene
from waiting_room.models import Admission, Ticket

pytestmark = pytest.mark.django_db

# Every address of the booking pages, as somebody would paste it.
DEEP_LINKS = ["/booking/", "/booking/?district=강남구", "/booking/clinics/1/"]
SPELLINGS = ["/Booking/", "/BOOKING/", "//booking/", "/booking//", "/./booking/", "/%62ooking/"]


@pytest.fixture(params=[Portal, NaivePortal], ids=["jari", "naive"])
def portal(request):
    return request.param


def expect(portal, *, kept: bool) -> None:
    """The promise is kept here, and the naive room breaks it."""
    assert kept is (not isinstance(portal, NaivePortal))


def test_turning_the_browsers_clock_opens_no_door(portal):
    portal = portal(opens_in=3600)
    citizen = portal.device("a")
    citizen.join()

    citizen.turn_clock(7200)

    expect(portal, kept=not citizen.enter())


def test_cutting_the_connection_for_three_seconds_keeps_the_place(portal):
    portal = portal()
    first, second = portal.device("a"), portal.device("b")
    first.join()
    second.join()
    before = first.place()

    first.drop_connection()

    expect(portal, kept=first.place() == before == 1)


def test_a_script_that_calls_the_enter_address_gets_nobody_in(portal):
    portal = portal()
    portal.device("a").join()
    citizen = portal.device("b")
    citizen.join()

    expect(portal, kept=not citizen.enter())


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_another_spelling_of_an_address_is_no_way_in(portal, spelling):
    portal = portal()
    citizen = portal.device("a")
    citizen.join()

    expect(portal, kept=not citizen.open(spelling))


def test_joining_again_from_a_replayed_form_changes_nothing(portal):
    portal = portal()
    first, second = portal.device("a"), portal.device("b")
    first.join()
    second.join()
    before = first.place()

    for _replay in range(5):
        first.join()

    expect(portal, kept=first.place() == before)


def test_somebody_elses_address_shows_nothing(portal):
    portal = portal()
    victim, thief = portal.device("a"), portal.device("b")
    victim.join()

    shown = thief.read(victim.address())

    expect(portal, kept="place 1" not in shown and 'data-place="1"' not in shown)


def test_two_devices_have_one_place(portal):
    portal = portal()
    phone = portal.device("a")
    phone.join()
    portal.device("b").join()

    computer = portal.device("a")
    computer.join()

    expect(portal, kept=phone.place() == computer.place() == 1)


def test_a_tick_delivered_twice_calls_nobody_twice(portal):
    portal = portal()
    for person in "abc":
        portal.device(person).join()
    if isinstance(portal, Portal):
        scene.back_in_time(portal.room, 10)

    expect(portal, kept=portal.deliver_tick_twice(3) == 3)


# What follows asks more of the portal than a naive room has; the careless twins of the counts
# stand with the services (tests/waiting_room).


@pytest.mark.parametrize("link", DEEP_LINKS)
def test_a_deep_link_says_what_to_do_instead(link):
    portal = Portal()
    citizen, stranger = portal.device("a"), portal.stranger()
    citizen.join()

    for device in [citizen, stranger]:
        response = device.client.get(link)
        assert response.status_code == 403
        assert "예약은 차례가 되면 열립니다" in response.content.decode()
    assert "대기 순서 보기" in citizen.client.get(link).content.decode()


def test_a_deep_link_to_the_last_step_finds_nothing_to_confirm():
    portal = Portal()
    citizen = portal.device("a")
    citizen.join()

    for device in [citizen, portal.stranger()]:
        page = device.client.get("/booking/confirm/").content.decode()
        assert 'name="key"' not in page


def test_a_script_that_posts_everything_in_any_order_gets_nobody_in():
    portal = Portal()
    portal.device("a").join()
    citizen = portal.device("b")
    citizen.join()
    before = citizen.place()

    for path in [
        f"{citizen.address()}enter/",
        "/booking/hold/",
        "/booking/confirm/",
        f"{citizen.address()}enter/?called=1&place=1&serving=99",
        f"{citizen.address()}leave/",
        f"/queue/{portal.room.cohort.code}/join/?entry=1",
    ]:
        citizen.client.post(path, {"place": "1", "serving": "99", "entry": "1", "slot": "1"})

    assert not citizen.open("/booking/")
    assert citizen.place() == before == 2
    assert not Admission.objects.exists()


def test_the_form_of_an_ended_visit_gives_no_second_one_to_others():
    portal = Portal()
    citizen, other = portal.device("a"), portal.device("b")
    citizen.join()
    other.join()
    portal.call(1)
    address = citizen.address()
    assert citizen.enter()

    assert not other.enter(address)
    assert portal.stranger().client.post(f"{address}enter/").status_code == 403
    assert Admission.objects.count() == 1


def test_a_strangers_post_to_a_ticket_does_nothing():
    portal = Portal()
    citizen, thief = portal.device("a"), portal.device("b")
    citizen.join()
    thief.join()
    portal.call(2)

    for act in ["enter/", "leave/"]:
        response = thief.client.post(f"{citizen.address()}{act}")
        assert response.status_code == 403

    assert not Admission.objects.exists()
    assert citizen.ticket().left_at is None


def test_a_forged_cookie_is_nobodys():
    portal = Portal()
    citizen = portal.device("a")
    citizen.join()
    thief = portal.stranger()
    for name, value in [
        ("jari_who", f"{citizen.person.pk}"),
        ("jari_who", "WzEsMV0:1:AAAA"),
        ("jari_tickets", f'["{citizen.ticket().pk}"]'),
    ]:
        thief.client.cookies[name] = value
        assert thief.client.get(citizen.address()).status_code == 403


def test_a_web_server_whose_clock_is_wrong_lets_nobody_in_early(clock):
    portal = Portal(opens_in=3600)
    citizen = portal.device("a")
    citizen.join()

    with clock.node_ahead(hours=2):
        scene.tick(portal.room)
        assert not citizen.enter()
    portal.room.refresh_from_db()
    assert portal.room.frozen_at is None


@pytest.mark.django_db(transaction=True)
def test_joining_ten_times_in_parallel_is_one_place():
    portal = Portal()
    devices = [portal.device("a") for _ in range(10)]

    at_once([device.join for device in devices])

    ticket = Ticket.objects.get()
    # Numbers come from a sequence: a try that lost the race may have drawn the one before.
    assert {device.place() for device in devices} == {ticket.entry}


@pytest.mark.django_db(transaction=True)
def test_entering_ten_times_in_parallel_is_one_visit():
    portal = Portal()
    devices = [portal.device("a") for _ in range(10)]
    devices[0].join()
    portal.call(1)
    address = devices[0].address()

    at_once([partial(device.client.post, f"{address}enter/") for device in devices])

    assert Admission.objects.count() == 1
    portal.room.line.refresh_from_db()
    assert portal.room.line.active == 1
    assert all(device.open("/booking/") for device in devices)
