"""What the form of the delivered questionnaire sends."""

from booking.models import Reservation
from vaccination.models import QuestionnaireResponse
from vaccination.questionnaire import Answers
from vaccination.services.questionnaires import (
    PageShown,
    current_version,
    response_of,
    send_answers,
)

HEALTHY: Answers = {
    "sick": "no",
    "allergy": "no",
    "reaction": "no",
    "bleeding": "no",
    "immune": "no",
    "pregnancy": "no",
    "other_vaccine": "no",
    "treatment": "no",
    "blood": "no",
    "nerves": "no",
    "illness": "no",
    "covid": "earlier",
}
# One answer that asks for the doctor.
ON_ANTICOAGULANTS = {**HEALTHY, "bleeding": "yes", "bleeding_detail": "와파린"}


def page_of(reservation: Reservation) -> PageShown:
    return PageShown(
        current_version().number, reservation.slot_id, response_of(reservation).revision
    )


def sent(reservation: Reservation, answers: Answers, *, by: str = "citizen", **values):
    return send_answers(
        reservation=reservation,
        answers=answers,
        shown=values.pop("shown", None) or page_of(reservation),
        by=by,
        **values,
    )


def posted(reservation: Reservation, answers: Answers, **values) -> dict:
    shown = page_of(reservation)
    hidden = {"version": shown.version, "slot": shown.slot_id, "revision": shown.revision}
    return {**{f"q_{name}": text for name, text in answers.items()}, **hidden, **values}


def stored(reservation: Reservation) -> QuestionnaireResponse:
    return QuestionnaireResponse.objects.get(reservation=reservation)
