"""Recalls: who got a lot, their state, and a message to all of them in batches by a worker."""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import TypedDict

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.utils import translation
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from redis import RedisError

from booking.enums import LIVE
from booking.models import Clinic, Reservation, Vaccine
from booking.services.notices import channel_of, notify
from database.clock import Now, database_now
from messaging.models import Message
from messaging.wordings import render
from outside import jobs
from vaccination.enums import Manifestation, RecallStatus
from vaccination.exceptions import NobodyToRecall
from vaccination.models import DoseGiven, Lot, Reaction, Recall
from vaccination.models.lots import LotQuerySet
from vaccination.rules import lot_number
from vaccination.wordings import RECALL

BATCH = 500


class State(TypedDict):
    """Annotations of `recipients`."""

    reactions: list[str]  # a Manifestation each
    next_status: str | None  # of the appointment for the next dose
    message_status: str | None


def lots_of(*, vaccine_id: int, number: str, clinic_id: int | None) -> LotQuerySet:
    """The lots with this number, at one clinic or at all."""
    lots = Lot.objects.filter(vaccine_id=vaccine_id, number=number)
    return lots.filter(clinic_id=clinic_id) if clinic_id else lots


def recipients(
    *, vaccine_id: int, number: str, clinic_id: int | None, recall_id: int = 0
) -> QuerySet[DoseGiven]:
    """Who got the lot, with their `State`, in one statement; by lot, then in order of recording."""
    lots = lots_of(vaccine_id=vaccine_id, number=number, clinic_id=clinic_id)
    reactions = Reaction.objects.filter(reservation=OuterRef("reservation_id"))
    later = Reservation.objects.filter(
        person=OuterRef("reservation__person_id"),
        dose=OuterRef("dose_number") + 1,
        status__in=LIVE,
    )
    key = Concat(Value(f"recall:{recall_id}:"), Cast(OuterRef("pk"), CharField()))
    return (
        DoseGiven.objects.with_visit()
        .filter(lot__in=lots)
        .annotate(
            reactions=ArraySubquery(
                reactions.exclude(manifestation=Manifestation.NONE).values("manifestation")
            ),
            next_status=Subquery(later.values("status")[:1]),
            message_status=Subquery(Message.objects.filter(key=key).values("status")[:1]),
        )
        .order_by("lot_id", "pk")
    )


def recipients_of(recall: Recall) -> QuerySet[DoseGiven]:
    return recipients(
        vaccine_id=recall.vaccine_id,
        number=recall.lot_number,
        clinic_id=recall.clinic_id,
        recall_id=recall.pk,
    )


@transaction.atomic
def start_recall(
    *,
    vaccine: Vaccine,
    number: str,
    clinic: Clinic | None,
    practice: bool,
    text_ko: str,
    text_en: str,
    by: str,
    key: uuid.UUID | None = None,
) -> Recall:
    """Stop the lot, count who got it, and queue the messages; repeating a key starts one recall.

    A practice stops nothing and writes no message. Raises BadLotNumber or NobodyToRecall.
    """
    number = lot_number(number)
    repeated = Recall.objects.filter(key=key).first() if key else None
    if repeated:
        return repeated
    lots = lots_of(
        vaccine_id=vaccine.pk, number=number, clinic_id=clinic.pk if clinic else None
    ).order_by("pk")
    # The locks wait for doses that are being recorded; later ones are refused.
    lot_ids = [lot.pk for lot in lots.locked()]
    people = DoseGiven.objects.filter(lot_id__in=lot_ids).count()
    if not people and (practice or not lot_ids):
        raise NobodyToRecall
    if not practice:
        lots.filter(recalled_at=None).update(recalled_at=Now(), by=by)
    recall = Recall.objects.create(
        vaccine=vaccine,
        lot_number=number,
        clinic=clinic,
        practice=practice,
        text_ko=text_ko,
        text_en=text_en,
        people=people,
        by=by,
        key=key or uuid.uuid4(),
    )
    transaction.on_commit(partial(enqueue_recall, recall.pk))
    return recall


def enqueue_recall(recall_id: int) -> None:
    # Without Redis the recall waits for `continue_recalls`.
    with suppress(RedisError):
        jobs.enqueue(jobs.EXPORTS, "vaccination.jobs.run_recall", recall_id)


def run_recall(recall_id: int) -> None:
    """Write the messages of a recall batch by batch; safe to run again or twice at a time."""
    while write_batch(recall_id):
        pass


def continue_recalls() -> None:
    """Go on with recalls whose job was lost."""
    open_ones = Recall.objects.exclude(status=RecallStatus.DONE)
    for recall_id in open_ones.order_by("pk").values_list("pk", flat=True):
        run_recall(recall_id)


@transaction.atomic
def write_batch(recall_id: int) -> bool:
    """Write the next messages and commit how far it got; False when all are written.

    Under the recall's lock: a second worker waits, then goes on behind the first.
    """
    recall = Recall.objects.select_for_update(no_key=True).get(pk=recall_id)
    if recall.status == RecallStatus.DONE:
        return False
    doses = list(_next_doses(recall))
    for dose in doses:
        recall.last_lot_id, recall.last_dose_id = dose.lot_id or 0, dose.pk
        recall.written += not recall.practice and _write_message(recall, dose)
    recall.done += len(doses)
    more = len(doses) == BATCH
    recall.status = RecallStatus.RUNNING if more else RecallStatus.DONE
    recall.ended_at = None if more else database_now()
    recall.save()
    return more


def _next_doses(recall: Recall) -> Iterator[DoseGiven]:
    """Up to BATCH doses behind the cursor; lot by lot, so that each read is a range of the index
    doses_by_lot."""
    lots = lots_of(
        vaccine_id=recall.vaccine_id, number=recall.lot_number, clinic_id=recall.clinic_id
    ).filter(pk__gte=recall.last_lot_id)
    room = BATCH
    for lot_id in lots.order_by("pk").values_list("pk", flat=True):
        after = recall.last_dose_id if lot_id == recall.last_lot_id else 0
        rows = DoseGiven.objects.with_visit().filter(lot_id=lot_id, pk__gt=after)
        doses = list(rows.order_by("pk")[:room])
        yield from doses
        room -= len(doses)
        if not room:
            return


def _write_message(recall: Recall, dose: DoseGiven) -> bool:
    """Queue one person's message; False if it is queued already or the person is forgotten."""
    reservation = dose.reservation
    if reservation.person.forgotten_at is not None:
        return False
    with translation.override(reservation.language):
        values = {
            "day": date_format(localtime(dose.given_at), _("D j M")),
            "clinic": dose.clinic.full_name,
            "vaccine": dose.vaccine.name,
            "lot": recall.lot_number,
        }
    text = render(RECALL, channel_of(reservation), reservation.language, **values)
    return notify(
        reservation,
        key=f"recall:{recall.pk}:{dose.pk}",
        kind="recall",
        text=f"{text}\n{recall.text_in(reservation.language)}",
    )
