"""Takes an uploaded roster back, person by person: who was added goes again, who was changed is as
before. People to whom something happened since stay as they are, with the reason.

An import notes in RosterChange what it changes (roster_settling). Taking back works in batches,
each a transaction, so that nobody who signs in waits longer than for one; people of a batch that is
done have no row to work on any more, so the work can be broken off and run again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import F

from bulk.kinds import Key
from bulk.removing import references
from eligibility.enums import KeptBecause, UploadStatus
from eligibility.indexes import RANDOM_INDEX
from eligibility.models import Person, RosterUpload
from eligibility.services.roster import IMPORT_LOCK
from eligibility.services.roster_settling import NOTED
from events.callers import with_notes
from events.services import first_since
from privacy.cipher import index_key_number

BATCH = 500  # people per transaction


def can_be_undone(upload: RosterUpload) -> bool:
    return upload.status == UploadStatus.DONE and upload.changes.exists()


def take_back(upload: RosterUpload, *, progress: Callable[[int, int], None]) -> None:
    """Take back all that is left; `progress` is called with (people looked at, people)."""
    waiting = upload.changes.filter(stays_because="").order_by("person_id")
    left = waiting.count()
    total = upload.removed + upload.changed_back + upload.changes.count()
    last = 0
    # From the last one on: those who stay are not read again by each batch.
    while ids := list(
        waiting.filter(person_id__gt=last).values_list("person_id", flat=True)[:BATCH]
    ):
        last = ids[-1]
        left -= _take_back_some(upload, ids)
        progress(total - left, total)


@transaction.atomic
def _take_back_some(upload: RosterUpload, ids: list[int]) -> int:
    """Take these people back, or note why they stay; returns how many, with those whom they need
    to go first."""
    ids = _with_holders(upload, ids)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [IMPORT_LOCK])
    # Before the checks, and in the order of all locks of people: a booking for one of them has
    # either committed and is found, or it waits and finds the person as they are then.
    people = Person.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    list(people.values_list("pk", flat=True))
    cases = _cases(upload, ids)
    reasons = _why_kept(upload, cases)
    removed = [pk for pk, case in cases.items() if case.added and pk not in reasons]
    restored = [pk for pk, case in cases.items() if not case.added and pk not in reasons]
    changes = upload.changes.filter(person_id__in=ids)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM eligibility_person WHERE id = ANY(%s)", [removed])
        for statement in _RESTORE:
            cursor.execute(statement, {"upload": upload.pk, "people": restored})
    for reason in set(reasons.values()):
        of_reason = [pk for pk, why in reasons.items() if why == reason]
        # The values of before have no use any more.
        changes.filter(person_id__in=of_reason).update(stays_because=reason, **dict.fromkeys(NOTED))
    changes.filter(person_id__in=[*removed, *restored]).delete()
    RosterUpload.objects.filter(pk=upload.pk).update(
        removed=F("removed") + len(removed), changed_back=F("changed_back") + len(restored)
    )
    return len(ids)


# Two steps: people of one batch may have each other's details of before, and Postgres checks a
# unique index row by row.
_RESTORE = [
    f"""
    UPDATE eligibility_person SET
        identity_index = {RANDOM_INDEX}, roster_key = NULL, source = 'declared'
    WHERE id = ANY(%(people)s)
    """,  # noqa: S608 - constants only
    f"""
    UPDATE eligibility_person AS p SET {", ".join(f"{name} = c.{name}" for name in NOTED)}
    FROM eligibility_rosterchange AS c
    WHERE c.upload_id = %(upload)s AND c.person_id = p.id AND p.id = ANY(%(people)s)
    """,  # noqa: S608 - constants only
]

# Another person who has an identity or a roster key that a person had before the import.
_HOLDERS = """
SELECT c.person_id, holder.id
FROM eligibility_rosterchange AS c JOIN eligibility_person AS holder
    ON (holder.identity_index = c.identity_index OR holder.roster_key = c.roster_key)
    AND holder.id <> c.person_id
WHERE c.upload_id = %s AND c.person_id = ANY(%s)
"""


def _with_holders(upload: RosterUpload, ids: list[int]) -> list[int]:
    """These people, and those of the upload who must go or change before they can, and so on."""
    found, fresh = set(ids), ids
    while fresh:
        holders = {holder for _person, holder in _holders(upload, fresh)}
        waiting = upload.changes.filter(stays_because="", person_id__in=holders - found)
        fresh = list(waiting.values_list("person_id", flat=True))
        found.update(fresh)
    return sorted(found)


def _holders(upload: RosterUpload, ids: Iterable[int]) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, [upload.pk, list(ids)])
        return list(cursor.fetchall())


@dataclass(frozen=True)
class _Case:
    """A person of an upload, and whether they are as it left them."""

    added: bool
    unchanged: bool


# An index of before under a key that is not the first any more would find nobody.
_CASES = """
SELECT c.person_id, c.added, p.id IS NOT NULL AND p.forgotten_at IS NULL
    AND p.roster_digest IS NOT DISTINCT FROM c.digest
    AND (c.added OR get_byte(c.identity_index, 0) = %(key)s)
FROM eligibility_rosterchange AS c LEFT JOIN eligibility_person AS p ON p.id = c.person_id
WHERE c.upload_id = %(upload)s AND c.stays_because = '' AND c.person_id = ANY(%(people)s)
"""


def _cases(upload: RosterUpload, ids: list[int]) -> dict[int, _Case]:
    with connection.cursor() as cursor:
        cursor.execute(_CASES, {"upload": upload.pk, "people": ids, "key": index_key_number()})
        return {pk: _Case(added, unchanged) for pk, added, unchanged in cursor.fetchall()}


def _why_kept(upload: RosterUpload, cases: dict[int, _Case]) -> dict[int, KeptBecause]:
    """Who of these people stays as they are."""
    since = upload.imported_at
    assert since is not None  # set by the import
    added: dict[int, Key] = {pk: (pk,) for pk, case in cases.items() if case.added}
    reasons: dict[int, KeptBecause] = dict.fromkeys(with_notes(added), KeptBecause.CALLER)
    reasons |= {pk: KeptBecause.IN_USE for (pk,) in references(Person, added)}
    # A code proves nothing before it is entered, and a look of staff is no act for the person.
    followed = first_since(cases, since, kinds_left_out=("code_sent",), left_out=("staff",))
    reasons |= {pk: _reason(source) for pk, source in followed.items()}
    reasons |= {pk: KeptBecause.CHANGED for pk, case in cases.items() if not case.unchanged}
    # A person who stays keeps the key and identity that others had before: they stay too.
    holders = _holders(upload, cases)
    while taken := {
        pk
        for pk, holder in holders
        if pk not in reasons and (holder in reasons or holder not in cases)
    }:
        reasons |= dict.fromkeys(taken, KeptBecause.TAKEN)
    return reasons


def _reason(source: str) -> KeptBecause:
    if source == "":
        return KeptBecause.STAFF_ACTED
    return KeptBecause(source) if source in KeptBecause.values else KeptBecause.IN_USE
