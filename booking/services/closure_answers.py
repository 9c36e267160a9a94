"""Answers of people who were moved by a closure and offered other times."""

import uuid
from collections import Counter
from datetime import datetime

from booking.enums import AffectedOutcome, ChoiceStatus, ClosureAnswer, ClosureStatus
from booking.exceptions import ChoiceOver
from booking.models import AffectedAppointment, Closure, ClosureChoice, ClosureOffer, Reservation
from booking.rules import day_of
from booking.services.changes import locked_with_slots
from booking.services.closure_messages import put_first
from booking.services.courses import course_of, interval_of
from booking.services.notices import notify_cancelled, notify_changed
from booking.services.offers import offer_freed
from booking.services.seats import (
    RowsChanged,
    end,
    give_back,
    lock_person,
    lock_slots,
    retried_transaction,
)
from database.clock import Now, database_now
from staff.actors import CITIZEN

# Closures in which people may still answer.
ANSWERABLE = [ClosureStatus.TOLD, ClosureStatus.REOPENED]


def find_offer(token: uuid.UUID) -> ClosureOffer | None:
    return (
        ClosureOffer.objects.select_related(
            "affected__closure__clinic",
            "affected__from_slot__clinic",
            "affected__reservation__slot__clinic",
            "affected__reservation__slot__vaccine",
            "affected__reservation__person",
        )
        .filter(token=token)
        .first()
    )


def is_open(offer: ClosureOffer, now: datetime) -> bool:
    """Whether it can be answered: told, unanswered, in time, and the appointment as it was left."""
    closure = offer.affected.closure
    return (
        not offer.answer
        and not offer.affected.restored
        and closure.status in ANSWERABLE
        and closure.answer_until is not None
        and now < closure.answer_until
        and offer.affected.stands
    )


def open_choices(offer: ClosureOffer) -> list[ClosureChoice]:
    choices = offer.choices.filter(status=ChoiceStatus.OPEN)
    return list(choices.select_related("slot__clinic", "slot__vaccine").order_by("slot__starts_at"))


@retried_transaction
def answer(*, token: uuid.UUID, answer: ClosureAnswer, slot_id: int | None = None) -> ClosureOffer:
    """Keep the new time, choose another of those kept, or decline all of them.

    What is not taken goes back. Declining cancels, first on the cancellation list. Answering
    again changes nothing. Raises ChoiceOver, WrongInterval if another dose was booked since, and
    ClosureOffer.DoesNotExist.
    """
    offer = ClosureOffer.objects.select_related("affected__reservation").get(token=token)
    now = lock_person(offer.affected.reservation.person_id)
    offer = find_offer(token) or offer
    if offer.answer == answer:
        return offer
    if not is_open(offer, now):
        raise ChoiceOver
    reservation = offer.affected.reservation
    slots = lock_slots(_slots_of(offer, reservation))
    choices = open_choices(offer)
    taken = None
    if answer == ClosureAnswer.CHOSE:
        taken = next((choice for choice in choices if choice.slot_id == slot_id), None)
        if taken is None:
            raise ChoiceOver
    given_back = Counter(choice.slot_id for choice in choices if choice is not taken)
    if taken is not None:
        given_back[reservation.slot_id] += 1
        _take(reservation, taken, now)
    offer.choices.filter(status=ChoiceStatus.OPEN).update(status=ChoiceStatus.GIVEN_BACK)
    give_back(given_back, slots)
    offer.answer, offer.answered_at = answer, now
    offer.save(update_fields=["answer", "answered_at"])
    if answer == ClosureAnswer.DECLINED:
        _cancel(offer, now)
    for pk in sorted(given_back):
        offer_freed(slots[pk], now=now)
    if answer == ClosureAnswer.DECLINED:
        # Last, so that the times just declined go to others.
        put_first(offer.affected.closure, [offer.affected])
    return offer


def _slots_of(offer: ClosureOffer, reservation: Reservation) -> set[int]:
    """Everything that an answer may touch, to be locked at once and in order."""
    live = Reservation.objects.live().filter(person=reservation.person_id)
    choices = offer.choices.filter(status=ChoiceStatus.OPEN)
    return {*live.values_list("slot_id", flat=True), *choices.values_list("slot_id", flat=True)}


def _take(reservation: Reservation, choice: ClosureChoice, now: datetime) -> None:
    """Move the reservation to the kept seat, which it takes over."""
    row = Reservation.objects.locked().get(pk=reservation.pk)
    if (row.status, row.slot_id) != (reservation.status, reservation.slot_id):
        raise RowsChanged  # a mark of the desk in between
    others = Reservation.objects.live().filter(person=row.person_id).exclude(pk=row.pk)
    course = course_of(row.person_id, others.select_related("slot"))
    vaccine = interval_of(choice.slot.vaccine)
    course.check(row.dose, day_of(choice.slot.starts_at), vaccine)
    reservation.slot, reservation.by, reservation.changed_at = choice.slot, CITIZEN, now
    reservation.save(update_fields=["slot", "by", "changed_at"])
    ClosureChoice.objects.filter(pk=choice.pk).update(status=ChoiceStatus.TAKEN)
    notify_changed(reservation)


def _cancel(offer: ClosureOffer, now: datetime) -> None:
    """Cancel the appointment, with a first dose the second too."""
    rows, slots = locked_with_slots(offer.affected.reservation)
    if not rows or rows[0].pk != offer.affected.reservation_id:
        raise RowsChanged
    for row in rows:
        end(row, slots, by=CITIZEN, now=now)
    AffectedAppointment.objects.filter(pk=offer.affected_id).update(
        outcome=AffectedOutcome.CANCELLED, to_slot=None
    )
    offer.affected.refresh_from_db(fields=["outcome", "to_slot"])
    for slot_id in sorted({row.slot_id for row in rows}):
        offer_freed(slots[slot_id], now=now)
    notify_cancelled(rows)


def end_choices() -> int:
    """Give back the choices of closures whose time to answer is over; returns how many."""
    over = Closure.objects.filter(
        answer_until__lte=Now(), affected__offer__choices__status=ChoiceStatus.OPEN
    )
    return sum(_end_choices(pk) for pk in over.distinct().values_list("pk", flat=True))


@retried_transaction
def _end_choices(closure_id: int) -> int:
    open_now = ClosureChoice.objects.filter(
        offer__affected__closure=closure_id, status=ChoiceStatus.OPEN
    )
    slots = lock_slots(open_now.values_list("slot_id", flat=True))
    # Under the locks: what was answered in between is no longer open.
    seats = Counter(open_now.filter(slot__in=slots).values_list("slot_id", flat=True))
    open_now.filter(slot__in=slots).update(status=ChoiceStatus.GIVEN_BACK)
    give_back(seats, slots)
    now = database_now()
    for pk in sorted(seats):
        offer_freed(slots[pk], now=now)
    return sum(seats.values())
