"""Template context of the eligibility page, built from answers."""

from typing import Any

from eligibility import reasons
from eligibility.enums import NEVER_REVIEWED, Reason, ReviewStatus, Window
from eligibility.models import Person, Review
from eligibility.services.decisions import Answer
from eligibility.spelling import masked_phone
from standing.facts import PersonFacts
from standing.rules import state_of_line
from standing.shown import Standing
from standing.states import MAY_BE_JOINED, PERSONAL, State


def eligibility_page(
    person: Person,
    answers: list[Answer],
    reviews: list[Review],
    facts: PersonFacts,
    stands: Standing,
) -> dict[str, Any]:
    """The eligibility page's context: where the person stands, possible cohorts, near misses, and
    the other ones."""
    # `reviews` are newest first; reversed, the newest of a cohort is the one that stays.
    latest = {review.cohort_id: review for review in reversed(reviews)}
    cards = [_card(answer, latest.get(answer.cohort.pk), facts, stands) for answer in answers]
    possible = [card for card in cards if card["eligible"]]
    others = [card for card in cards if not card["eligible"] and card["window"] != Window.CLOSED]
    # Near miss: the age fits, another condition does not. Shown above cohorts of other ages.
    near = [card for card in others if card["near"]]
    return {
        "person": {
            "name": person.name,
            "birth_date": person.birth_date,
            "phone": masked_phone(person.phone),
        },
        "stands": stands,
        "possible": possible,
        "near": near,
        "others": [card for card in others if not card["near"]],
    }


def _card(
    answer: Answer, review: Review | None, facts: PersonFacts, stands: Standing
) -> dict[str, Any]:
    window = answer.window(facts.now)
    return {
        "cohort": answer.cohort,
        "eligible": answer.eligible,
        "near": answer.rule != Reason.NOT_BORN or review is not None,
        "window": window,
        **_in_line(answer, facts, stands),
        "window_from": answer.window_from,
        "window_to": answer.window_to,
        "reasons": [reasons.sentence(code, values) for code, values in answer.reasons],
        "advice": "" if answer.eligible else reasons.what_would_change_it(answer.rule),
        "provisional": answer.provisional,
        "review_answer": review.answer if review else "",
        "can_ask": not answer.eligible
        and answer.outcome.rule not in NEVER_REVIEWED
        and window != Window.CLOSED
        and (review is None or review.status == ReviewStatus.WITHDRAWN),
    }


def _in_line(answer: Answer, facts: PersonFacts, stands: Standing) -> dict[str, Any]:
    """Context: how the person stands in this cohort's line, and whether its card lets them join."""
    line = facts.line_of(answer.cohort.code)
    if not answer.eligible:
        state = State.NOT_YOURS
    else:
        # A yes for a window that was over from the start is not stored and has no line.
        state = state_of_line(line, facts.now) if line else State.CLOSED
    # Who has booked is not told of the turn that led to it.
    if stands.state in PERSONAL and state in (State.CALLED, State.DOOR, State.INSIDE):
        state = stands.state
    # The page's own heading has the button of its line, and a booking leaves nothing to join.
    is_own = line is not None and line == stands.line
    shows_join = state in MAY_BE_JOINED and not is_own and stands.state not in PERSONAL
    return {
        "line": Standing(state, facts, line),
        "shows_join": shows_join,
        "is_not_yet": state == State.NOT_YET and not is_own,
    }
