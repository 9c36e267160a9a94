from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from database.clock import Now
from eligibility import hooks, wordings
from eligibility.enums import (
    NEVER_REVIEWED,
    REVIEW_MOVES,
    Reason,
    ReviewReason,
    ReviewStatus,
    Window,
)
from eligibility.exceptions import ReviewRefused
from eligibility.indexes import phone_indexes
from eligibility.models import Cohort, Decision, Person, Review
from eligibility.services.decisions import Answer, decide
from eligibility.services.households import full_cohorts, lock_phones
from messaging.enums import Channel
from messaging.services import write_message
from messaging.wordings import render
from staff.actors import CITIZEN
from web.public import public_url


@transaction.atomic
def open_review(*, person: Person, cohort: Cohort, reason: ReviewReason, note: str = "") -> Review:
    """Ask the health authority to review a no. Meanwhile the person may wait in the line on a
    provisional decision, but not enter.

    A repeated request returns the open review. Raises ReviewRefused if a review is not possible.
    """
    # Serializes the reviews of one phone, so that its limits hold.
    lock_phones(person.phone)
    people = Person.objects.select_for_update(no_key=True).annotate(now=Now())
    locked = people.get(pk=person.pk)
    person, now = locked, locked.now
    review = Review.objects.filter(person=person, cohort=cohort, status=ReviewStatus.OPEN).first()
    if review:
        return review
    answer = next(answer for answer in decide(person=person, at=now) if answer.cohort == cohort)
    _check_reviewable(person, cohort, answer, now)
    review = Review.objects.create(
        person=person, cohort=cohort, reason=reason, note=note, doubted=answer.outcome.rule
    )
    Decision.objects.update_or_create(
        person=person,
        cohort=cohort,
        defaults={
            "eligible": True,
            "provisional": True,
            "rule": Reason.REVIEW_OPEN,
            "reasons": [[Reason.REVIEW_OPEN, {}]],
            "window_from": answer.outcome.window_from,
            "window_to": answer.outcome.window_to,
            "decided_at": now,
        },
    )
    return review


def _check_reviewable(person: Person, cohort: Cohort, answer: Answer, now: datetime) -> None:
    if answer.eligible:
        raise ReviewRefused(_("You can book in this period already."))
    if answer.outcome.window(now) == Window.CLOSED:
        raise ReviewRefused(_("This period is over."))
    if answer.outcome.rule in NEVER_REVIEWED:
        raise ReviewRefused(
            _("A review can't change this. If your birth date is wrong here, enter it again.")
        )
    _check_phone_limits(person, cohort)
    if Review.objects.filter(person=person, cohort=cohort, status=ReviewStatus.REFUSED).exists():
        raise ReviewRefused(
            _("This was decided already. Ask your local public health centre if it is wrong.")
        )


def _check_phone_limits(person: Person, cohort: Cohort) -> None:
    """Limit reviews per phone: an invented name is all that a review costs.

    One open at a time, as the trigger one_open_review_per_phone has it; a household's for a cohort.
    """
    # The person's own too where there is no phone, by which nobody is found.
    of_phone = Review.objects.filter(
        Q(person=person) | Q(person__phone_index__in=phone_indexes(person.phone))
    )
    others = of_phone.filter(status=ReviewStatus.OPEN)
    if others.filter(person=person).exists():
        raise ReviewRefused(_("Another review of yours is open. Wait for its answer first."))
    if others.exists():
        raise ReviewRefused(
            _(
                "A review for another person with your phone number is open. One at a time: wait "
                "for its answer, or take it back."
            )
        )
    not_granted = of_phone.filter(cohort=cohort).exclude(status=ReviewStatus.GRANTED).count()
    if not_granted >= settings.HOUSEHOLD_SIZE or cohort.pk in full_cohorts(person):
        raise ReviewRefused(
            _("Too many people with your phone number asked. Ask your local public health centre.")
        )


def grant_review(*, review: Review, by: str, answer: str = "") -> Review:
    """Grant: the provisional place becomes an ordinary one. ReviewRefused if closed otherwise."""
    return _close(review, ReviewStatus.GRANTED, by=by, answer=answer)


def refuse_review(*, review: Review, by: str, answer: str) -> Review:
    """Refuse: the provisional place ends. ReviewRefused if closed otherwise."""
    return _close(review, ReviewStatus.REFUSED, by=by, answer=answer)


def withdraw_review(*, review: Review) -> Review:
    """Withdraw for the person; the provisional place ends. ReviewRefused if closed otherwise."""
    return _close(review, ReviewStatus.WITHDRAWN, by=CITIZEN, answer="")


@transaction.atomic
def _close(review: Review, status: ReviewStatus, *, by: str, answer: str) -> Review:
    reviews = Review.objects.select_for_update(of=("self",), no_key=True).annotate(now=Now())
    review = reviews.get(pk=review.pk)
    if review.status == status:
        return review
    if status not in REVIEW_MOVES.get(review.status, []):
        raise ReviewRefused(_("This review was closed already."))
    review.status, review.by, review.answer = status, by, answer
    review.closed_at = review.now
    review.save(update_fields=["status", "by", "answer", "closed_at"])
    decision = Decision.objects.select_for_update(of=("self",), no_key=True).get(
        person_id=review.person_id, cohort_id=review.cohort_id
    )
    # Not provisional: the rules have said yes meanwhile, which stays.
    if decision.provisional:
        decision.provisional = False
        decision.eligible = status == ReviewStatus.GRANTED
        decision.rule = Reason.REVIEW_GRANTED if decision.eligible else Reason.REVIEW_REFUSED
        decision.reasons = [[decision.rule, {}]]
        decision.decided_at = review.closed_at
        if status == ReviewStatus.WITHDRAWN:
            decision.delete()
        else:
            decision.save()
    if status != ReviewStatus.WITHDRAWN:
        _notify(review)
    for settle in hooks.review_closed:
        settle(review.person_id)
    return review


def _notify(review: Review) -> None:
    person = Person.objects.get(pk=review.person_id)
    granted = review.status == ReviewStatus.GRANTED
    code = wordings.REVIEW_GRANTED if granted else wordings.REVIEW_REFUSED
    # The answer that staff typed stands on the page.
    text = render(code, Channel.SMS, person.language, address=public_url("eligibility"))
    write_message(
        key=f"review:{review.pk}",
        kind="review",
        channel=Channel.SMS,
        to=person.phone,
        text=text,
        person_id=person.pk,
    )
