"""Destroys personal data after its retention time."""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from bulk import services as bulk
from database.clock import database_now
from eligibility import hooks
from eligibility.enums import UploadStatus
from eligibility.indexes import RANDOM_INDEX
from eligibility.models import (
    Cohort,
    Correction,
    Person,
    PhoneCode,
    ProviderAccount,
    ProviderAnswer,
    ProviderTry,
    ProxyRequest,
    Review,
    RosterChange,
    RosterUpload,
)
from eligibility.services.family import forget_old_requests
from eligibility.services.uploads import drop, refused_path
from events.callers import forget_notes
from messaging.channels import purge_outbox
from messaging.models import Message
from privacy.cipher import encrypt

CODES = TRIES = timedelta(days=1)
ANSWERS = timedelta(hours=1)
MESSAGES = REFUSED_ROWS = timedelta(days=30)

_BATCH = 1000  # people per transaction

# Random indexes, not NULL: the unique index stays, and nobody is found by them again.
_FORGET = f"""
UPDATE eligibility_person SET
    roster_key = NULL, roster_digest = NULL, source = 'declared', name = %(name)s,
    birth_date = %(birth_date)s, phone = %(phone)s, district = '', groups = '{{}}',
    last_dose_on = NULL, certified_at = NULL, language = DEFAULT, identity_index = {RANDOM_INDEX},
    name_birth_index = {RANDOM_INDEX}, phone_index = {RANDOM_INDEX},
    forgotten_at = %(now)s
WHERE id = ANY(%(ids)s)
"""  # noqa: S608 - constants only


def purge(*, now: datetime | None = None) -> dict[str, int]:
    """Destroy what is past its retention time; returns counts by kind. Repeating it is harmless."""
    now = now or database_now()
    done = {
        "codes": PhoneCode.objects.filter(expires_at__lt=now - CODES).delete()[0],
        "provider tries": ProviderTry.objects.filter(at__lt=now - TRIES).delete()[0],
        "provider answers": ProviderAnswer.objects.filter(made_at__lt=now - ANSWERS).delete()[0],
        "rows of files": bulk.purge(now),
        "requests to book for others": forget_old_requests(now),
        # Reminders written long ahead are not due yet.
        "messages": Message.objects.filter(created_at__lt=now - MESSAGES)
        .exclude(not_before__gt=now)
        .delete()[0],
        "outbox": purge_outbox(now - timedelta(days=settings.OUTBOX_DAYS)),
        "refused rows of rosters": _remove_refused_rows(now),
        "changes by rosters": _remove_changes(now),
        "people": 0,
    }
    done |= dict(purge_of_app(now) for purge_of_app in hooks.also_purge)
    last = Cohort.objects.aggregate(last=Max("closes_at"))["last"]
    if last and last + timedelta(days=settings.KEEP_DAYS) < now:
        done["people"] = _forget_people(now)
    return done


def _remove_refused_rows(now: datetime) -> int:
    looked_at = RosterUpload.objects.filter(status=UploadStatus.SHOWN)
    for upload in looked_at.filter(created_at__lt=now - REFUSED_ROWS):
        drop(upload=upload)
    old = RosterUpload.objects.filter(ended_at__lt=now - REFUSED_ROWS)
    files = [path for upload in old if (path := refused_path(upload)).exists()]
    for path in files:
        path.unlink(missing_ok=True)
    return len(files)


def _remove_changes(now: datetime) -> int:
    """Destroy what people were before a roster changed them; those at work are needed."""
    old = RosterUpload.objects.filter(imported_at__lt=now - bulk.KEPT)
    changes = RosterChange.objects.filter(upload__in=old.exclude(status=UploadStatus.UNDOING))
    return changes.delete()[0]


def _forget_people(now: datetime) -> int:
    """Forget all people whom no app still needs, batch by batch; returns how many."""
    people = Person.objects.filter(forgotten_at=None)
    for needed in hooks.still_needed:
        people = people.exclude(pk__in=needed(now))
    count = 0
    while ids := list(people.order_by("pk").values_list("pk", flat=True)[:_BATCH]):
        forget(ids, now=now)
        count += len(ids)
    return count


@transaction.atomic
def forget(ids: list[int], *, now: datetime) -> None:
    """Destroy name, birth date and phone of these people, and texts written by or about them."""
    values = {
        "name": encrypt("", context=b"eligibility_person.name"),
        "birth_date": encrypt(
            date(1900, 1, 1).isoformat(), context=b"eligibility_person.birth_date"
        ),
        "phone": encrypt("", context=b"eligibility_person.phone"),
    }
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {**values, "ids": ids, "now": now})
    RosterChange.objects.filter(person_id__in=ids).delete()
    Review.objects.filter(person__in=ids).update(note="")
    Correction.objects.filter(person__in=ids).delete()
    ProviderAccount.objects.filter(person__in=ids).delete()
    ProxyRequest.objects.filter(by__in=ids).delete()
    Message.objects.filter(person_id__in=ids).delete()
    forget_notes(ids)
    for forget_of_app in hooks.also_forget:
        forget_of_app(ids)
