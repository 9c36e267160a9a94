"""Marks of the desk: forward only, on the day, and never from an old page."""

from datetime import timedelta

import pytest
from django.utils.timezone import localtime

from booking.exceptions import (
    ChangedMeanwhile,
    NotArrived,
    NotConfirmed,
    NothingToUndo,
    OtherDay,
    TooEarly,
)
from booking.models import Reservation
from booking.services.changes import cancel_reservation
from booking.services.visits import mark_arrived, mark_no_show, mark_vaccinated, undo_mark
from staff.enums import Role
from tests.concurrency import at_once
from tests.factories import ReservationFactory, StaffFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/booking/reservation/"
BY = "staff:1"


@pytest.fixture
def reservation(clock) -> Reservation:
    """Confirmed, and the day has come."""
    reservation = ReservationFactory()
    clock.move_to(reservation.slot.starts_at)
    return reservation


@pytest.fixture
def tablet(client, reservation):
    client.force_login(StaffFactory(role=Role.CLINIC, clinic=reservation.slot.clinic))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    def press(act: str, seen: str) -> str:
        """Press a button on a page that shows `seen`; what the next page says."""
        address = f"{LIST}{reservation.pk}/mark/"
        answer = client.post(address, {"act": act, "seen": seen}, follow=True)
        reservation.refresh_from_db()
        [message] = answer.context["messages"]
        return str(message)

    return press


def test_marks_go_forward_and_are_taken_back_one_by_one(reservation):
    seen = [
        mark_arrived(reservation=reservation, by=BY).status,
        mark_arrived(reservation=reservation, by=BY).status,
        mark_vaccinated(reservation=reservation, by=BY).status,
        undo_mark(reservation=reservation, by=BY).status,
        undo_mark(reservation=reservation, by=BY).status,
    ]

    assert seen == ["arrived", "arrived", "vaccinated", "arrived", "confirmed"]
    with pytest.raises(NothingToUndo):
        undo_mark(reservation=reservation, by=BY)


def test_an_arrival_marked_on_an_old_page_leaves_the_vaccination(reservation):
    mark_arrived(reservation=reservation, by=BY)
    mark_vaccinated(reservation=reservation, by=BY)

    for mark in (mark_arrived, mark_no_show):
        with pytest.raises(ChangedMeanwhile):
            mark(reservation=reservation, by="staff:2")
    reservation.refresh_from_db()
    assert (reservation.status, reservation.by) == ("vaccinated", BY)


def test_who_has_arrived_did_not_stay_away(reservation, clock):
    mark_arrived(reservation=reservation, by=BY)
    clock.forward(hours=1)

    with pytest.raises(ChangedMeanwhile):
        mark_no_show(reservation=reservation, by="staff:2")


def test_nobody_is_vaccinated_before_arriving(reservation):
    with pytest.raises(NotArrived):
        mark_vaccinated(reservation=reservation, by=BY)


def test_nobody_arrives_before_the_day_of_the_appointment(reservation, clock):
    midnight = localtime(reservation.slot.starts_at).replace(hour=0)
    clock.move_to(midnight - timedelta(minutes=1))

    with pytest.raises(OtherDay):
        mark_arrived(reservation=reservation, by=BY)
    clock.forward(minutes=1)
    assert mark_arrived(reservation=reservation, by=BY).status == "arrived"


def test_nobody_stayed_away_before_the_hour(reservation, clock):
    clock.forward(minutes=-1)

    with pytest.raises(TooEarly):
        mark_no_show(reservation=reservation, by=BY)


def test_a_cancelled_reservation_is_not_marked():
    reservation = ReservationFactory()
    cancel_reservation(reservation=reservation, by="citizen")

    with pytest.raises(NotConfirmed):
        mark_arrived(reservation=reservation, by=BY)


def test_an_old_page_takes_back_nothing_but_the_mark_it_shows(reservation):
    mark_arrived(reservation=reservation, by=BY)
    mark_vaccinated(reservation=reservation, by=BY)

    with pytest.raises(ChangedMeanwhile):
        undo_mark(reservation=reservation, by="staff:2", status_shown="arrived")
    reservation.refresh_from_db()
    assert reservation.status == "vaccinated"


def test_two_tablets_are_told_what_the_other_did_and_when(reservation, tablet, clock):
    other = StaffFactory(role=Role.CLINIC, clinic=reservation.slot.clinic, username="injector")
    at = clock.move_to(localtime(reservation.slot.starts_at).replace(hour=9, minute=12))
    mark_arrived(reservation=reservation, by=f"staff:{other.pk}")
    mark_vaccinated(reservation=reservation, by=f"staff:{other.pk}")

    said = tablet("arrived", seen="confirmed")

    assert reservation.status == "vaccinated"
    assert reservation.person.name in said
    assert said.endswith(
        f"Vaccinated since {at:%m-%d} 09:12, marked by injector. Nothing was changed."
    )
    assert "Vaccinated since" in tablet("take_back", seen="arrived")
    assert tablet("take_back", seen="vaccinated").endswith("Arrived")


def test_a_list_that_marks_many_leaves_those_who_are_further(client, reservation):
    client.force_login(StaffFactory(role=Role.CLINIC, clinic=reservation.slot.clinic))
    mark_arrived(reservation=reservation, by=BY)
    mark_vaccinated(reservation=reservation, by=BY)

    client.post(LIST, {"action": "mark_as_arrived", "_selected_action": [reservation.pk]})
    client.post(LIST, {"action": "take_back", "_selected_action": [reservation.pk]})

    reservation.refresh_from_db()
    assert (reservation.status, reservation.by) == ("vaccinated", BY)


@pytest.mark.django_db(transaction=True)
def test_of_two_tablets_at_once_one_marks_and_the_other_is_told(reservation):
    mark_arrived(reservation=reservation, by=BY)

    def take_back() -> str:
        return undo_mark(reservation=reservation, by="staff:2", status_shown="arrived").status

    def vaccinate() -> str:
        return mark_vaccinated(reservation=reservation, by="staff:3", status_shown="arrived").status

    outcomes = at_once([take_back, vaccinate])

    reservation.refresh_from_db()
    refused = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    assert [type(refusal) for refusal in refused] in ([ChangedMeanwhile], [NotArrived])
    assert reservation.status in outcomes
