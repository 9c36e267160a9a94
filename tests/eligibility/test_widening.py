"""A window that moves takes along everybody who was told of it, and takes nothing back."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from eligibility.models import Cohort, CohortChange, Decision
from eligibility.services.changes import apply_due_changes, plan_change
from eligibility.services.cohorts import save_cohorts
from eligibility.services.decisions import eligible_decision, store_decisions
from tests.factories import CohortFactory, PersonFactory, RoomFactory
from tests.waiting_room.scene import tick
from tests.waiting_room.test_pages import browser
from waiting_room.models import Ticket
from waiting_room.services.joining import issue_ticket

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def told(cohort: Cohort, **person) -> Decision:
    person = PersonFactory(**person)
    store_decisions(person=person)
    return Decision.objects.get(person=person, cohort=cohort)


def change(cohort: Cohort, **values) -> None:
    """As the authority plans it; its time comes at once."""
    now = timezone.now()
    planned = plan_change(
        cohort=cohort, values=values, takes_effect_at=now + timedelta(minutes=1), by="staff:1"
    )
    CohortChange.objects.filter(pk=planned.pk).update(takes_effect_at=now)
    apply_due_changes()


def windows(cohort: Cohort) -> set[tuple]:
    return set(Decision.objects.filter(cohort=cohort).values_list("window_from", "window_to"))


def test_an_opening_moved_earlier_reaches_three_thousand_decisions_in_one_statement():
    cohort, other = CohortFactory(soon=True), CohortFactory(soon=True)
    person = PersonFactory()
    people = type(person).objects.bulk_create(
        type(person)(
            name="김시험",
            birth_date=date(1964, 5, 12),
            phone="+821000000000",
            identity_index=b"i%015d" % number,
            name_birth_index=b"n" * 16,
            phone_index=b"p" * 16,
        )
        for number in range(3000)
    )
    Decision.objects.bulk_create(
        Decision(
            person=person,
            cohort=one,
            eligible=True,
            rule="born",
            window_from=one.opens_at,
            window_to=one.closes_at,
        )
        for person in people
        for one in (cohort, other)
    )
    earlier = timezone.now() - timedelta(minutes=1)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        change(cohort, opens_at=earlier)

    written = [query for query in queries if "UPDATE eligibility_decision" in query["sql"]]
    assert len(written) == 1
    assert windows(cohort) == {(earlier, cohort.closes_at)}
    assert windows(other) == {(other.opens_at, other.closes_at)}


def test_whoever_signed_in_before_joins_when_the_line_moves():
    room = RoomFactory(gathering=True)
    person = told(room.cohort).person
    change(room.cohort, opens_at=timezone.now() - timedelta(minutes=1))
    tick(room)

    answer = browser(person).post(f"/queue/{room.cohort.code}/join/")
    page = browser(person).get(f"/queue/{room.cohort.code}/").content.decode()

    ticket = Ticket.objects.get(person=person)
    assert answer.headers["Location"] == f"/queue/t/{ticket.pk}/"
    assert "too early" not in page


def test_an_opening_moved_before_the_gathering_takes_joining_along():
    """The room was to be joined from an hour before the old opening."""
    cohort = CohortFactory(opens_at=timezone.now() + 3 * DAY)
    room = RoomFactory(cohort=cohort)
    decision = told(cohort)
    change(cohort, opens_at=timezone.now() - timedelta(minutes=1))
    room = tick(room)

    assert issue_ticket(room=room, person_id=decision.person_id).entry == 1
    assert room.joinable_from == room.cohort.opens_at
    assert room.board.document["joins_from"] == room.board.document["opens_at"]


def test_an_imported_cohort_takes_its_people_along():
    cohort = CohortFactory(soon=True)
    told(cohort)
    sooner, later = cohort.opens_at - timedelta(hours=3), cohort.closes_at + DAY

    assert save_cohorts([{"code": cohort.code, "opens_at": sooner, "closes_at": later}]) == [
        "changed"
    ]

    assert windows(cohort) == {(sooner, later)}


def test_what_a_person_was_told_stays_inside_a_window_that_shrinks():
    cohort = CohortFactory(soon=True)
    before = told(cohort)

    Cohort.objects.filter(pk=cohort.pk).update(closes_at=cohort.closes_at + DAY)
    change(cohort, opens_at=cohort.opens_at - timedelta(hours=1))
    save_cohorts([{"code": cohort.code, "opens_at": cohort.opens_at}])

    after = Decision.objects.get()
    assert after.window_from == cohort.opens_at - timedelta(hours=1)
    assert after.window_to >= before.window_to


def test_conditions_that_change_along_are_asked_for_each_person():
    """Who would not be let in by the new rules keeps what they were told, and no more."""
    cohort = CohortFactory(soon=True)
    stays = told(cohort, birth_date=date(1964, 1, 1))
    leaves = told(cohort, birth_date=date(1966, 1, 1))
    earlier = cohort.opens_at - timedelta(hours=2)

    change(cohort, opens_at=earlier, birth_to=date(1965, 12, 31))

    stays.refresh_from_db()
    leaves.refresh_from_db()
    assert (stays.eligible, stays.window_from) == (True, earlier)
    assert (leaves.eligible, leaves.window_from) == (True, cohort.opens_at)


def test_a_birth_digit_calendar_moves_each_person_to_their_own_day(clock):
    clock.at("12:00")  # an hour earlier is the same day
    opens_at = timezone.now().replace(microsecond=0) + DAY
    cohort = CohortFactory(opens_at=opens_at, closes_at=opens_at + 12 * DAY, digit_hours=2)
    day = timezone.localtime(opens_at + 3 * DAY).day
    decision = told(cohort, birth_date=date(1964, 10, day))

    change(cohort, opens_at=opens_at - timedelta(hours=1), digit_hours=6)

    before = decision.window_from, decision.window_to
    decision.refresh_from_db()
    assert decision.window_from <= before[0]
    assert decision.window_to == decision.window_from + timedelta(hours=6)


def test_joining_asks_the_rules_again_where_the_kept_window_comes_later():
    """As where somebody signed in at the very moment of the change."""
    room = RoomFactory()
    decision = told(room.cohort)
    Decision.objects.update(window_from=room.cohort.closes_at - timedelta(hours=1))

    ticket = issue_ticket(room=room, person_id=decision.person_id)

    decision.refresh_from_db()
    assert ticket.entry == 1
    assert decision.window_from == room.cohort.opens_at
    assert eligible_decision(decision.person_id, room.cohort) == decision
