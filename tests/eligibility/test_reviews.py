from functools import partial

import pytest
from django.urls import reverse

from booking.enums import ReservationStatus
from booking.services.confirmations import confirm_hold
from eligibility.enums import Reason, ReviewReason, ReviewStatus
from eligibility.exceptions import ReviewRefused
from eligibility.models import Decision, Review
from eligibility.services.decisions import store_decisions
from eligibility.services.reviews import grant_review, open_review, refuse_review, withdraw_review
from eligibility.services.roster import import_roster
from messaging.models import Message
from staff.models import Access
from tests.concurrency import at_once
from tests.eligibility.signing_in import sign_in
from tests.factories import (
    CohortFactory,
    PersonFactory,
    RoomFactory,
    SlotFactory,
    StaffFactory,
    TicketFactory,
)
from tests.holding import hold_slot
from waiting_room.exceptions import NotEligible
from waiting_room.models import Ticket
from waiting_room.services.entering import enter
from waiting_room.services.joining import issue_ticket, leave_line
from waiting_room.services.provisional_tickets import settle_provisional
from waiting_room.services.rooms import open_room

pytestmark = pytest.mark.django_db


def ask(person, cohort) -> Review:
    return open_review(person=person, cohort=cohort, reason=ReviewReason.IDENTITY, note="개명")


def test_a_review_gives_a_provisional_yes_at_once():
    cohort, person = CohortFactory(), PersonFactory(declared=True)

    review = ask(person, cohort)

    decision = Decision.objects.get()
    assert (review.status, review.doubted) == (ReviewStatus.OPEN, Reason.NOT_CONFIRMED)
    assert (decision.eligible, decision.provisional) == (True, True)
    assert store_decisions(person=person)[0].provisional


def test_asking_twice_answers_the_open_review():
    cohort, person = CohortFactory(), PersonFactory(declared=True)

    assert ask(person, cohort) == ask(person, cohort)


@pytest.mark.django_db(transaction=True)
def test_asking_from_many_tabs_at_once_opens_one_review():
    cohort, person = CohortFactory(), PersonFactory(declared=True)

    outcomes = at_once([partial(ask, person, cohort)] * 8)

    assert {outcome.pk for outcome in outcomes} == {Review.objects.get().pk}


def test_needless_reviews_are_refused():
    cohort, over = CohortFactory(), CohortFactory(closed=True)
    other = CohortFactory()
    known, unknown = PersonFactory(), PersonFactory(declared=True)
    ask(unknown, other)

    for person, asked in [(known, cohort), (unknown, over), (unknown, cohort)]:
        with pytest.raises(ReviewRefused):
            ask(person, asked)


def test_a_granted_review_makes_the_ticket_ordinary_and_tells_the_person():
    room = RoomFactory()
    person = PersonFactory(declared=True)
    review = ask(person, room.cohort)
    ticket = issue_ticket(room=room, person_id=person.pk)

    grant_review(review=review, by="staff:1")

    was_provisional, ticket = ticket.provisional, Ticket.objects.get(pk=ticket.pk)
    decision = Decision.objects.get()
    assert was_provisional
    assert (ticket.provisional, ticket.left_at) == (False, None)
    assert (decision.eligible, decision.provisional) == (True, False)
    assert decision.rule == Reason.REVIEW_GRANTED
    assert Message.objects.get(key=f"review:{review.pk}").person_id == person.pk


def waiting_under_review():
    room = RoomFactory()
    person = PersonFactory(declared=True)
    review = ask(person, room.cohort)
    return review, TicketFactory(room=room, person=person, called=True)


def test_a_refused_review_ends_the_ticket():
    review, ticket = waiting_under_review()

    refuse_review(review=review, by="staff:7", answer="명단에 없습니다.")

    ticket.refresh_from_db()
    assert ticket.left_at
    # What was typed is on the page, and in no message.
    assert "명단에 없습니다." not in Message.objects.get(key=f"review:{review.pk}").text


def test_the_job_ends_a_ticket_that_was_joined_while_the_review_was_closed():
    review, ticket = waiting_under_review()
    withdraw_review(review=review)
    Ticket.objects.update(left_at=None)

    settled = [settle_provisional(), settle_provisional()]

    ticket.refresh_from_db()
    assert settled == [(0, 1), (0, 0)]
    assert ticket.left_at


def test_a_refused_ticket_does_not_come_back_by_joining_again():
    review, ticket = waiting_under_review()
    refuse_review(review=review, by="staff:7", answer="-")

    with pytest.raises(NotEligible):
        issue_ticket(room=ticket.room, person_id=review.person_id)


def test_leaving_the_line_cancels_no_appointment():
    review, ticket = waiting_under_review()
    grant_review(review=review, by="staff:7")
    admission, slot = enter(ticket=ticket), SlotFactory()
    [one] = hold_slot(person_id=review.person_id, slot_id=slot.pk, admission_id=admission.pk)
    confirm_hold(person_id=review.person_id, key=one.key)

    leave_line(ticket=ticket)
    settle_provisional()

    one.refresh_from_db()
    assert (one.status, one.by) == (ReservationStatus.CONFIRMED, "citizen")


def test_a_withdrawn_review_ends_the_provisional_yes_and_may_be_asked_again():
    cohort, person = CohortFactory(), PersonFactory(declared=True)

    withdraw_review(review=ask(person, cohort))

    assert not Decision.objects.exists()
    assert ask(person, cohort).status == ReviewStatus.OPEN


def test_a_corrected_roster_settles_the_review_by_itself(tmp_path):
    cohort, person = CohortFactory(), PersonFactory(declared=True, name="홍길동")
    review = ask(person, cohort)
    path = tmp_path / "roster.csv"
    phone = "0" + person.phone.removeprefix("+82")
    path.write_text(
        f"person_id,name,birth_date,phone,region\nR1,홍길동,1964-05-12,{phone},서울특별시\n"
    )

    import_roster(path)
    person.refresh_from_db()
    answers = store_decisions(person=person)

    review.refresh_from_db()
    assert review.status == ReviewStatus.GRANTED
    assert (answers[0].eligible, answers[0].provisional) == (True, False)


def test_a_closed_review_can_not_be_closed_the_other_way():
    cohort, person = CohortFactory(), PersonFactory(declared=True)
    review = ask(person, cohort)
    grant_review(review=review, by="staff:1")

    assert grant_review(review=review, by="staff:2").by == "staff:1"
    with pytest.raises(ReviewRefused):
        refuse_review(review=review, by="staff:2", answer="-")


def test_pages_of_a_review(client):
    cohort, person = CohortFactory(), PersonFactory(declared=True)
    open_room(cohort=cohort)
    sign_in(client, person)
    url = reverse("review", args=[cohort.code])

    before = client.get("/eligibility/").content.decode()
    empty = client.post(url, {"note": "x" * 501})
    asked = client.post(url, {"reason": "identity", "note": "개명했습니다"})
    after = client.get("/eligibility/").content.decode()
    back = client.post(reverse("review_withdraw", args=[cohort.code]))

    assert url in before
    assert (empty.status_code, sorted(empty.context["form"].errors)) == (422, ["note", "reason"])
    assert asked["Location"] == back["Location"] == "/eligibility/"
    assert reverse("queue_join", args=[cohort.code]) in after
    assert Review.objects.get().status == ReviewStatus.WITHDRAWN


def test_the_health_authority_decides_with_the_facts_beside_it(client):
    cohort = CohortFactory()
    known = PersonFactory(name="홍길동")
    person = PersonFactory(declared=True, name="홍길동")
    review = ask(person, cohort)
    client.force_login(StaffFactory())
    url = reverse("admin:eligibility_review_change", args=[review.pk])

    listed = client.get(reverse("admin:eligibility_review_changelist"))
    page = client.get(url).content.decode()
    no_answer = client.post(url, {"verdict": "refused", "answer": ""})
    saved = client.post(url, {"verdict": "refused", "answer": "명단과 다릅니다."})

    review.refresh_from_db()
    assert listed.status_code == 200
    assert "개명" in page
    assert str(known) in page
    assert no_answer.status_code == 200
    assert saved.status_code == 302
    assert (review.status, review.answer) == (ReviewStatus.REFUSED, "명단과 다릅니다.")
    assert any(known.pk in access.people for access in Access.objects.all())


@pytest.mark.parametrize("role", ["operator"])
def test_reviews_are_nobody_elses_business(client, role):
    client.force_login(StaffFactory(role=role))

    assert client.get(reverse("admin:eligibility_review_changelist")).status_code == 403
