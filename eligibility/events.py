"""Signing in, eligibility, reviews and proxies in a person's event line."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from eligibility.enums import Card, Correctable, ReviewReason
from eligibility.models import Person
from eligibility.reasons import sentence
from events.kinds import Kind
from events.models import RecordedEvent
from events.sources import Source
from messaging.enums import MessageStatus
from staff.actors import CITIZEN

# The method of a code to the phone; of a certified provider it is its code.
PHONE = "phone"


def _method(value: str) -> object:
    return _("by a code to the phone") if value == PHONE else value


def _reasons(value: list[Any]) -> str:
    return " ".join(sentence(code, values) for code, values in value)


_OF_REVIEW = {"reason": lambda value: ReviewReason(value).label}
_OF_CORRECTION = {"field": lambda value: Correctable(value).label}
_OF_CODE = {"status": lambda value: MessageStatus(value).label}
_OF_DECISION = {"reasons": _reasons}

KINDS = [
    # The person may be another one with this phone: a code proves it only when it is entered.
    Kind("code_sent", _("a sign-in code was asked for with this phone: %(status)s"), _OF_CODE),
    # `verified` is recorded when the code or the provider has proved it.
    Kind("verified", _("verified %(method)s"), {"method": _method}),
    Kind(
        "card_seen",
        _("showed an identity card at a counter: %(card)s"),
        {"card": lambda value: Card(value).label},
    ),
    Kind("eligible", _("eligible for %(cohort)s, from %(start)s to %(end)s"), _OF_DECISION),
    Kind(
        "eligible_for_now",
        _("may wait in the line of %(cohort)s while a review is open"),
        _OF_DECISION,
    ),
    Kind("not_eligible", _("not eligible for %(cohort)s: %(reasons)s"), _OF_DECISION),
    # One for each status of a review and of a correction.
    Kind("review_open", _("asked for a review (%(cohort)s): %(reason)s"), _OF_REVIEW),
    Kind("review_granted", _("the review was granted (%(cohort)s)"), _OF_REVIEW),
    Kind("review_refused", _("the review was refused (%(cohort)s)"), _OF_REVIEW),
    Kind("review_withdrawn", _("the review was withdrawn (%(cohort)s)"), _OF_REVIEW),
    Kind("correction_open", _("asked for a correction: %(field)s"), _OF_CORRECTION),
    Kind("correction_granted", _("the correction was made: %(field)s"), _OF_CORRECTION),
    Kind("correction_refused", _("the correction was refused: %(field)s"), _OF_CORRECTION),
    Kind("correction_withdrawn", _("the correction was withdrawn: %(field)s"), _OF_CORRECTION),
    Kind("proxy_began", _("agreed that somebody else books for them")),
    Kind("proxy_ended", _("nobody else books for them any more")),
]

_COHORT = "'cohort', jsonb_build_object('ko', cohort.name_ko, 'en', cohort.name_en)"
SQL = f"""
SELECT code.sent_at AS at, 'code_sent', NULL::bigint, 'citizen',
    jsonb_build_object('status', message.status)
FROM eligibility_person AS person
JOIN eligibility_phonecode AS code ON code.phone_index = person.phone_index
JOIN messaging_message AS message ON message.key = 'code:' || code.id || ':' || code.sends
WHERE person.id = %(person)s
UNION ALL
SELECT decision.decided_at, CASE
        WHEN NOT decision.eligible THEN 'not_eligible'
        WHEN decision.provisional THEN 'eligible_for_now'
        ELSE 'eligible'
    END, NULL, 'system', jsonb_build_object({_COHORT}, 'reasons', decision.reasons,
        'start', decision.window_from, 'end', decision.window_to)
FROM eligibility_decision AS decision
JOIN eligibility_cohort AS cohort ON cohort.id = decision.cohort_id
WHERE decision.person_id = %(person)s
UNION ALL
SELECT change.at, 'review_' || change.status, NULL, change.by,
    jsonb_build_object({_COHORT}, 'reason', review.reason)
FROM eligibility_review AS review
JOIN eligibility_cohort AS cohort ON cohort.id = review.cohort_id
CROSS JOIN LATERAL (VALUES
    (review.opened_at, 'open', 'citizen'), (review.closed_at, review.status, review.by)
) AS change (at, status, by)
WHERE review.person_id = %(person)s AND change.at IS NOT NULL
UNION ALL
SELECT change.at, 'correction_' || change.status, NULL, change.by,
    jsonb_build_object('field', correction.field)
FROM eligibility_correction AS correction
CROSS JOIN LATERAL (VALUES
    (correction.opened_at, 'open', 'citizen'),
    (correction.closed_at, correction.status, correction.by)
) AS change (at, status, by)
WHERE correction.person_id = %(person)s AND change.at IS NOT NULL
UNION ALL
SELECT change.at, change.kind, NULL, change.by, '{{}}'::jsonb
FROM eligibility_proxy AS proxy
CROSS JOIN LATERAL (VALUES
    (
        proxy.declared_at, 'proxy_began',
        CASE WHEN proxy.agreed_by LIKE 'staff:%%' THEN proxy.agreed_by ELSE 'citizen' END
    ),
    (proxy.ended_at, 'proxy_ended', 'citizen')
) AS change (at, kind, by)
WHERE proxy.person_id = %(person)s AND change.at IS NOT NULL
"""  # noqa: S608  (constants)

SOURCE = Source("eligibility", KINDS, SQL)


def card_seen(person: Person, card: Card, *, by: str) -> RecordedEvent:
    """The event of a person whose identity card staff have seen; unsaved."""
    return RecordedEvent(
        kind="card_seen", person_id=person.pk, actor=by, parameters={"card": card.value}
    )


def verified(person: Person, method: str) -> RecordedEvent:
    """The event of a person who has just proved who they are; unsaved."""
    return RecordedEvent(
        kind="verified", person_id=person.pk, actor=CITIZEN, parameters={"method": method}
    )
