"""Template context of the eligibility page, built from answers."""

from typing import Any

from django.utils.translation import gettext as _

from database.clock import known_now
from eligibility import reasons
from eligibility.enums import NEVER_REVIEWED, Reason, ReviewStatus, Window
from eligibility.models import Person, Review
from eligibility.services.decisions import Answer
from eligibility.spelling import masked_phone
from standing.facts import PersonFacts
from standing.parts import parts_of
from standing.rules import state_of_line
from standing.shown import Standing
from standing.states import MAY_BE_JOINED, PERSONAL, State
from web import moulds
from web.marking import unbroken
from web.moulds import Html, Text
from web.templatetags.times import when
from web.times import day_in

_ANY = "any-cohort"  # stands for a code in an address


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
    shown = list(zip(answers, cards, strict=True))
    possible = [card for answer, card in shown if answer.eligible]
    others = [
        card
        for answer, card in shown
        if not answer.eligible and answer.window(facts.now) != Window.CLOSED
    ]
    # Near miss: the age fits, another condition does not. Shown above cohorts of other ages.
    near = [card for card in others if card["near"]]
    return {
        "person": {
            "name": Text(person.name),
            "birth_date": Text(day_in(_("j F Y"), person.birth_date)),
            "phone": Text(masked_phone(person.phone)),
            # To the minute, as it is shown: so it is the same for all who look in it.
            "checked_at": Html(when(known_now().replace(second=0, microsecond=0))),
        },
        "stands": parts_of(stands),
        "possible": possible,
        "near": near,
        "others": [card for card in others if not card["near"]],
    }


def _card(
    answer: Answer, review: Review | None, facts: PersonFacts, stands: Standing
) -> dict[str, Any]:
    code = answer.cohort.code
    sentences = [reasons.sentence(reason, values) for reason, values in answer.reasons]
    return {
        "name": Html(unbroken(answer.cohort.name)),
        "near": answer.rule != Reason.NOT_BORN or review is not None,
        **_in_line(answer, facts, stands),
        "window_from": Html(when(answer.window_from)),
        "window_to": Html(when(answer.window_to)),
        "reasons": Html(unbroken(" ".join(sentences))),
        "advice": Text("" if answer.eligible else reasons.what_would_change_it(answer.rule)),
        "provisional": answer.provisional,
        "review_answer": Text(review.answer if review else ""),
        "can_ask": not answer.eligible
        and answer.outcome.rule not in NEVER_REVIEWED
        and answer.window(facts.now) != Window.CLOSED
        and (review is None or review.status == ReviewStatus.WITHDRAWN),
        "review_url": moulds.address("review", code, like=_ANY),
        "withdraw_url": moulds.address("review_withdraw", code, like=_ANY),
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
    shown, is_not_yet = Standing(state, facts, line), state == State.NOT_YET and not is_own
    return {
        "badge": {"badge": shown.badge, "tone": shown.tone},
        "join": shown.action.label if shows_join and shown.action else "",
        "join_url": moulds.address("queue_join", answer.cohort.code, like=_ANY),
        "not_yet": Text(shown.sentence if is_not_yet else ""),
    }
