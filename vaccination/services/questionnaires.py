"""Answers to the questions before a vaccination: drafted, sent, asked at the counter, destroyed.

Locks: the reservation. Whatever is read or written of the answers goes through `answers_in` and
`_packed`, which bind them to their reservation.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Q, When
from django.utils import timezone
from django_stubs_ext import WithAnnotations

from booking.enums import ReservationStatus
from booking.models import Reservation
from database.clock import AtNow, Now
from events.services import record
from privacy.cipher import UnreadableData
from staff.actors import CITIZEN, is_staff
from staff.enums import AT_A_CLINIC
from staff.models import User
from vaccination.exceptions import (
    AnsweredByPerson,
    AnsweredMeanwhile,
    AppointmentMoved,
    QuestionsChanged,
)
from vaccination.models import Questionnaire, QuestionnaireResponse
from vaccination.models.questionnaires import DELIVERED_VERSIONS
from vaccination.questionnaire import Answers, Content, Item, flagged, read_content
from vaccination.rules import why_not_answer
from web.times import moment

_DATA = Path(__file__).parent.parent / "data"
# A cancelled appointment can be taken back for a while; then its answers serve nobody.
AFTER_CANCELLATION = timedelta(days=1)
_ENDED = [ReservationStatus.CANCELLED, ReservationStatus.LAPSED, ReservationStatus.RELEASED]


@dataclass(frozen=True)
class Version:
    number: int
    content: Content


@dataclass(frozen=True)
class PageShown:
    """What the page showed from which answers are sent; None where it sent something odd."""

    version: int | None
    slot_id: int | None
    revision: int | None


@cache
def delivered_content(version: int = DELIVERED_VERSIONS[-1]) -> Content:
    return read_content(_delivered(version))


def _delivered(version: int) -> dict[str, Any]:
    path = _DATA / f"questionnaire_v{version:02}.json"
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))


def content_data(version: int) -> dict[str, Any]:
    """A version's questions as stored, before `read_content`."""
    row = _row_of(version)
    return _delivered(version) if row is None else cast("dict[str, Any]", row.content)


def _row_of(version: int) -> Questionnaire | None:
    """A stored version, which counts before a delivered one of its number; None for the latter."""
    if version == DELIVERED_VERSIONS[0]:
        return None
    row = Questionnaire.objects.filter(version=version).first()
    if row is None and version not in DELIVERED_VERSIONS:
        raise Questionnaire.DoesNotExist
    return row


def current_version() -> Version:
    """The newest published questions."""
    is_draft = Case(When(published_at=None, then=1), default=0)
    newest = Questionnaire.objects.order_by(is_draft, "-version").first()
    if newest is not None and newest.published_at is not None:
        return Version(newest.version, read_content(newest.content))
    # A draft that was begun before the portal brought a version of its number.
    taken = newest.version if newest else 0
    number = max(version for version in DELIVERED_VERSIONS if version != taken)
    return Version(number, delivered_content(number))


def content_of(version: int) -> Content:
    """The questions of a version that answers refer to."""
    row = _row_of(version)
    return delivered_content(version) if row is None else read_content(row.content)


def response_of(reservation: Reservation) -> QuestionnaireResponse:
    """The stored answers of a reservation, or a new row that is not saved."""
    row = QuestionnaireResponse.objects.filter(reservation=reservation).first()
    return row or QuestionnaireResponse(reservation=reservation)


def may_see(response: QuestionnaireResponse, proxy_id: int | None) -> bool:
    """Whether a session may see these answers: a proxy only those given by way of the proxy."""
    if proxy_id is None or (response.content is None and response.draft is None):
        return True
    return response.proxy_id == proxy_id


def may_see_answers(user: User) -> bool:
    """Whether this user of staff may see answers, of appointments at their own clinic.

    A superuser may not: answers are for the clinic alone.
    """
    return user.role in AT_A_CLINIC and user.has_perm("vaccination.add_dosegiven")


def sent_answers(response: QuestionnaireResponse) -> Answers | None:
    return answers_in(response, response.content)


def answers_in(response: QuestionnaireResponse, text: str | None) -> Answers | None:
    """Answers from a decrypted column; UnreadableData if they were stored for another row."""
    if text is None:
        return None
    stored = json.loads(text)
    if stored["reservation"] != response.reservation_id:
        raise UnreadableData("These answers belong to another reservation.")
    return cast("Answers", stored["answers"])


def _packed(reservation: Reservation, answers: Answers) -> str:
    return json.dumps({"reservation": reservation.pk, "answers": answers}, ensure_ascii=False)


def flagged_items(
    response: QuestionnaireResponse, content: Callable[[int], Content] = content_of
) -> list[Item]:
    """Questions whose sent answers ask for the doctor; `content` gives those of a version."""
    answers = sent_answers(response)
    if answers is None or response.version is None:
        return []
    return flagged(content(response.version).items, answers)


def waits_for_doctor(
    response: QuestionnaireResponse, content: Callable[[int], Content] = content_of
) -> bool:
    """Whether a dose needs the confirmation that the doctor has spoken to the person."""
    return response.doctor_at is None and bool(flagged_items(response, content))


def waiting_for_doctor(reservations: Iterable[Reservation]) -> set[int]:
    """Ids of those of the reservations that wait for the doctor; for lists.

    One statement for all, and one for each version of the authority that they answered.
    """
    responses = QuestionnaireResponse.objects.filter(
        reservation__in=[row.pk for row in reservations], content__isnull=False, doctor_at=None
    )
    content = cache(content_of)
    return {response.reservation_id for response in responses if flagged_items(response, content)}


def _locked_to_answer(
    reservation: Reservation, *, at_counter: bool, proxy_id: int | None
) -> "tuple[WithAnnotations[Reservation, AtNow], QuestionnaireResponse]":
    """The locked reservation with its answers, which may be changed.

    Raises what `why_not_answer` returns, or AnsweredByPerson.
    """
    rows = Reservation.objects.with_slot().locked().annotate(now=Now())
    row = cast("WithAnnotations[Reservation, AtNow]", rows.get(pk=reservation.pk))
    # Under the lock: an arrival or cancellation of this moment counts.
    refusal = why_not_answer(row, at_counter=at_counter, now=row.now)
    if refusal:
        raise refusal
    response = response_of(row)
    if not may_see(response, proxy_id):
        raise AnsweredByPerson
    return row, response


@transaction.atomic
def send_answers(
    *,
    reservation: Reservation,
    answers: Answers,
    shown: PageShown,
    by: str,
    proxy_id: int | None = None,
) -> QuestionnaireResponse:
    """Store complete answers for the clinic of the appointment; the same ones again change nothing.

    Raises what `_locked_to_answer` does, and for an outdated page AppointmentMoved,
    QuestionsChanged or AnsweredMeanwhile.
    """
    row, response = _locked_to_answer(reservation, at_counter=is_staff(by), proxy_id=proxy_id)
    version = current_version().number
    # A form that is sent twice, also by an outdated page that says the same.
    if response.version == version and sent_answers(response) == answers and response.by == by:
        return response
    _check_page(row, response, shown, version)
    response.version, response.content, response.draft = version, _packed(row, answers), None
    response.revision += 1
    response.sent_at, response.by, response.proxy_id = row.now, by, proxy_id
    # Other answers are another conversation with the doctor.
    response.doctor_at, response.doctor_by = None, ""
    response.is_on_paper, response.destroyed_at = False, None
    response.save()
    record(
        kind="questionnaire_answered",
        person_id=row.person_id,
        actor=by,
        reservation_id=row.pk,
        version=version,
    )
    return response


def _check_page(
    row: Reservation, response: QuestionnaireResponse, shown: PageShown, version: int
) -> None:
    if shown.slot_id != row.slot_id:
        raise AppointmentMoved(when=moment(row.slot.starts_at), clinic=row.slot.place.full_name)
    if shown.version != version:
        raise QuestionsChanged
    if shown.revision != response.revision:
        at = response.sent_at or response.destroyed_at
        raise AnsweredMeanwhile(time=f"{timezone.localtime(at):%H:%M}" if at else "–")


@transaction.atomic
def save_draft(
    *, reservation: Reservation, answers: Answers, proxy_id: int | None = None
) -> QuestionnaireResponse:
    """Store what the person has answered so far; no clinic sees it, and sent answers stay.

    Raises what `_locked_to_answer` does.
    """
    row, response = _locked_to_answer(reservation, at_counter=False, proxy_id=proxy_id)
    # An empty form is no draft.
    response.draft = _packed(row, answers) if answers else None
    response.proxy_id, response.destroyed_at = proxy_id, None
    response.save()
    return response


@transaction.atomic
def withdraw_answers(
    *, reservation: Reservation, proxy_id: int | None = None
) -> QuestionnaireResponse:
    """Destroy answers and draft because the person wants it; they may answer anew.

    Raises what `_locked_to_answer` does.
    """
    row, response = _locked_to_answer(reservation, at_counter=False, proxy_id=proxy_id)
    if response.content is None and response.draft is None:
        return response
    was_sent = response.content is not None
    response.content = response.draft = response.version = None
    response.sent_at, response.by, response.proxy_id = None, "", None
    response.doctor_at, response.doctor_by = None, ""
    response.revision += 1
    response.destroyed_at = row.now
    response.save()
    if was_sent:
        record(
            kind="questionnaire_withdrawn",
            person_id=row.person_id,
            actor=CITIZEN,
            reservation_id=row.pk,
        )
    return response


def record_screening(
    row: Reservation, *, doctor_spoke: bool, on_paper: bool, by: str, at: datetime
) -> bool:
    """What the form of a dose says about the questions, under the reservation's lock.

    False if a flag waits for the doctor, and the form does not say that the doctor spoke.
    """
    response = response_of(row)
    if waits_for_doctor(response):
        if not doctor_spoke:
            return False
        # Not in the event line, which more people read than the clinic: it would tell the flag.
        response.doctor_at, response.doctor_by = at, by
        response.save()
    elif on_paper and response.sent_at is None:
        response.is_on_paper, response.sent_at, response.by = True, at, by
        response.draft = None
        response.save()
    return True


def destroy_old_answers(now: datetime) -> int:
    """Destroy answers past their retention time, or of an appointment that was cancelled."""
    before = now - timedelta(days=settings.QUESTIONNAIRE_DAYS)
    ended = Q(reservation__status__in=_ENDED, reservation__changed_at__lt=now - AFTER_CANCELLATION)
    return _destroy(Q(reservation__slot__starts_at__lt=before) | ended, now)


def forget_answers(people: list[int]) -> None:  # of eligibility.hooks.also_forget
    _destroy(Q(reservation__person__in=people), Now())


def _destroy(which: Q, at: "datetime | Now") -> int:
    stored = Q(content__isnull=False) | Q(draft__isnull=False)
    rows = QuestionnaireResponse.objects.filter(stored & which)
    return rows.update(content=None, draft=None, destroyed_at=at)
