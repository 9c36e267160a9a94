"""Answers that a browser sends after its session ended: stored as the draft of their person.

Each form holds a signed value that names the reservation and who was signed in. It opens nothing:
a draft can be stored with it and never read, so that another user of the browser sees no answer.
"""

from datetime import timedelta

from django.http import HttpRequest

from booking.exceptions import Refused
from booking.models import Reservation
from database import signing
from eligibility.models import Proxy
from eligibility.sessions import Session
from vaccination.forms import typed_answers
from vaccination.services.questionnaires import current_version, save_draft

FIELD = "form"
_SALT = "vaccination.questions"
# A form is filled in within a day; later the signed value stores nothing any more.
_AGE = timedelta(days=1)


def signed_form(reservation: Reservation, session: Session) -> str:
    value = [reservation.pk, session.person_id, session.by_id]
    return signing.dumps(value, salt=_SALT)


def keep_unsent(request: HttpRequest) -> Reservation | None:
    """Store what was posted as a draft, for whom the form was made; their reservation if stored.

    Nothing is stored for an empty form, by a proxy who is none any more, or when the questions
    can't be answered any more.
    """
    try:
        pk, person_id, proxy_id = signing.loads(
            request.POST.get(FIELD, ""), salt=_SALT, max_age=_AGE
        )
    except (signing.BadSignature, ValueError):
        return None
    reservation = Reservation.objects.with_slot().filter(pk=pk, person=person_id).first()
    typed = typed_answers(current_version().content.items, request.POST.dict())
    if reservation is None or not typed or not _may_act(person_id, proxy_id):
        return None
    try:
        save_draft(reservation=reservation, answers=typed, proxy_id=proxy_id)
    except Refused:
        return None
    return reservation


def _may_act(person_id: int, proxy_id: int | None) -> bool:
    if proxy_id is None:
        return True
    return Proxy.objects.filter(person=person_id, by=proxy_id, ended_at=None).exists()
