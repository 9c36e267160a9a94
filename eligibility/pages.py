"""Template context of the eligibility page, built from answers."""

from datetime import datetime
from typing import Any

from eligibility import hooks, reasons
from eligibility.enums import NEVER_REVIEWED, Reason, ReviewStatus, Window
from eligibility.models import Person, Review
from eligibility.services.decisions import Answer
from eligibility.spelling import masked_phone


def eligibility_page(
    person: Person, answers: list[Answer], reviews: list[Review], now: datetime
) -> dict[str, Any]:
    """The eligibility page's context: possible cohorts, near misses, and the other ones."""
    # `reviews` are newest first; reversed, the newest of a cohort is the one that stays.
    latest = {review.cohort_id: review for review in reversed(reviews)}
    eligible = [answer.cohort.pk for answer in answers if answer.eligible]
    lines = {pk: at for ask in hooks.joins_from for pk, at in ask(eligible).items()}
    cards = [
        _card(answer, latest.get(answer.cohort.pk), lines.get(answer.cohort.pk), now)
        for answer in answers
    ]
    possible = [card for card in cards if card["eligible"]]
    others = [card for card in cards if not card["eligible"] and card["state"] != Window.CLOSED]
    # Near miss: the age fits, another condition does not. Shown above cohorts of other ages.
    near = [card for card in others if card["near"]]
    return {
        "person": {
            "name": person.name,
            "birth_date": person.birth_date,
            "phone": masked_phone(person.phone),
        },
        "possible": possible,
        "near": near,
        "others": [card for card in others if not card["near"]],
        "can_join": any(card["state"] != Window.CLOSED for card in possible),
    }


def _card(
    answer: Answer, review: Review | None, joins_at: datetime | None, now: datetime
) -> dict[str, Any]:
    state = answer.window(now)
    gathers = state == Window.SOON and joins_at is not None and joins_at <= now
    can_join = answer.eligible and (state == Window.OPEN or gathers)
    return {
        "cohort": answer.cohort,
        "eligible": answer.eligible,
        "near": answer.rule != Reason.NOT_BORN or review is not None,
        "state": state,
        "joins_at": joins_at,
        "can_join": can_join,
        "gathers": gathers,
        "joins_later": answer.eligible and state == Window.SOON and not can_join,
        "window_from": answer.window_from,
        "window_to": answer.window_to,
        "reasons": [reasons.sentence(code, values) for code, values in answer.reasons],
        "advice": "" if answer.eligible else reasons.what_would_change_it(answer.rule),
        "provisional": answer.provisional,
        "review_answer": review.answer if review else "",
        "can_ask": not answer.eligible
        and answer.outcome.rule not in NEVER_REVIEWED
        and state != Window.CLOSED
        and (review is None or review.status == ReviewStatus.WITHDRAWN),
    }
