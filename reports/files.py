"""Files that a worker makes and keeps: asked for, made, watched, cancelled, taken, removed."""

import hashlib
import logging
import tempfile
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import IO, Any, cast

from django.conf import settings
from django.core.files.base import File
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.http import HttpRequest
from redis import RedisError

from database.clock import Now
from outside import jobs
from reports.enums import FileStatus, Zone
from reports.exceptions import BadSelection
from reports.models import ExportFile
from reports.orders import form_of, order_of, selection_of
from reports.reading import query_of, rows_expected
from reports.selection import Form, Selection, check_reason
from reports.storage import export_storage
from reports.taking import record_taking
from reports.writing import Written, write_csv
from staff.enums import Act
from staff.models import Access, User
from staff.services import record_access

log = logging.getLogger(__name__)

OPEN = [FileStatus.WAITING, FileStatus.RUNNING]
BEAT_SECONDS = 1.0
# A worker that was silent for so long is taken for dead, and another one begins anew.
SILENT = timedelta(minutes=2)
MOST_ATTEMPTS = 5
SHOWN_LETTERS = 100


class Stopped(Exception):
    """The file was cancelled, or another worker has taken it over."""


@transaction.atomic
def order_file(*, selection: Selection, form: Form, reason: str, user: User | None) -> ExportFile:
    """Have a worker make the file; raises BadSelection."""
    check_reason(selection, reason)
    file = ExportFile.objects.create(
        export=selection.export.name,
        version=selection.export.version,
        options=order_of(selection, form),
        user=user,
        scope=scope_of(user),
        reason=reason,
        rows_expected=rows_expected(query_of(selection, Zone.UTC)),
    )
    transaction.on_commit(partial(_enqueue, file.pk))
    return file


def scope_of(user: User | None) -> list[Any]:
    """What the user's rows depend on."""
    if user is None:
        return []
    return [user.role, user.clinic_id, user.region, user.district, user.is_superuser]


def name_of(file: ExportFile) -> str:
    """The name under which the file lies in the storage."""
    return f"kept/{file.key}.csv"


def _enqueue(file_id: int) -> None:
    # Without Redis the file waits for `continue_files`.
    with suppress(RedisError):
        jobs.enqueue(jobs.EXPORTS, "reports.jobs.make_file", file_id)


def cancel_file(file: ExportFile) -> bool:
    """Stop the making of a file; False if it has ended."""
    opened = ExportFile.objects.filter(pk=file.pk, status__in=OPEN)
    return bool(opened.update(status=FileStatus.CANCELLED, ended_at=Now()))


def make_file(file_id: int) -> None:
    """Make one file; does nothing if it is cancelled, made, or being made elsewhere."""
    file = _claim(file_id)
    if file is None:
        return
    try:
        _make(file)
    except Stopped:
        log.info("export file %s was stopped", file.pk)
    except BadSelection as problem:
        _end(file, FileStatus.FAILED, str(problem))
    except (OSError, DatabaseError) as error:
        # Only the kind of error: a database's text may hold a person's values.
        kind = error.strerror if isinstance(error, OSError) else ""
        _try_later(file, kind or type(error).__name__)
        log.exception("export file %s could not be made", file.pk)


def _claim(file_id: int) -> ExportFile | None:
    """Take a waiting file, or one whose worker is silent."""
    silent = Q(status=FileStatus.RUNNING, beat_at__lt=Now() - SILENT)
    free = ExportFile.objects.filter(Q(status=FileStatus.WAITING) | silent, pk=file_id)
    claimed = free.update(
        status=FileStatus.RUNNING, attempt=F("attempt") + 1, beat_at=Now(), rows=0, problem=""
    )
    return ExportFile.objects.select_related("user").get(pk=file_id) if claimed else None


def _mine(file: ExportFile) -> Any:
    return ExportFile.objects.filter(pk=file.pk, attempt=file.attempt, status=FileStatus.RUNNING)


def _end(file: ExportFile, status: FileStatus, problem: str = "") -> None:
    _mine(file).update(status=status, problem=problem[:200], ended_at=Now())


def _try_later(file: ExportFile, problem: str) -> None:
    if file.attempt >= MOST_ATTEMPTS:
        _end(file, FileStatus.FAILED, problem)
    else:
        _mine(file).update(status=FileStatus.WAITING, problem=problem[:200])


class Hashing:
    """A file that knows the SHA-256 and the length of what was written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest, self.size = file, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self.file.write(data)


class Watch:
    """Notes how far a file is and raises Stopped once it was cancelled.

    On a connection of its own: that of the snapshot sees only what was before it.
    """

    def __init__(self, file: ExportFile) -> None:
        self.file, self.connection, self.last = file, connection.copy(), 0.0

    def __call__(self, rows: int) -> None:
        now = monotonic()
        if now - self.last < BEAT_SECONDS:
            return
        self.last = now
        with self.connection.cursor() as cursor:
            cursor.execute(
                "UPDATE reports_exportfile SET rows = %s, beat_at = jari_now()"
                " WHERE id = %s AND attempt = %s AND status = 'running'",
                [rows, self.file.pk, self.file.attempt],
            )
            if not cursor.rowcount:
                raise Stopped

    def close(self) -> None:
        self.connection.close()


def _make(file: ExportFile) -> None:
    selection = selection_of(file.export, file.options, file.user)
    form = form_of(file.options)
    with tempfile.TemporaryFile() as temporary:
        hashing = Hashing(temporary)
        with closing(Watch(file)) as watch:
            written = write_csv(cast("IO[bytes]", hashing), selection, form, progress=watch)
        temporary.seek(0)
        export_storage().save(name_of(file), File(temporary))
    _finish(file, selection, written, hashing)


@transaction.atomic
def _finish(file: ExportFile, selection: Selection, written: Written, hashing: Hashing) -> None:
    """The file is there from now on, and on record with the people in it."""
    if not _mine(file).select_for_update().exists():
        raise Stopped
    accesses = record_taking(
        selection,
        written,
        reason=file.reason,
        user=file.user,
        by="" if file.user else "command:schedule",
    )
    _mine(file).update(
        status=FileStatus.DONE,
        accesses=[access.pk for access in accesses],
        rows=written.rows,
        size=hashing.size,
        sha256=hashing.digest.hexdigest(),
        replaced_count=written.replaced_count,
        replaced=[vars(entry) for entry in written.replaced[:SHOWN_LETTERS]],
        ended_at=Now(),
        keep_until=Now() + timedelta(days=settings.EXPORT_DAYS),
    )


def may_fetch(file: ExportFile, user: User) -> bool:
    """Whether this user may have the file: the one who asked for it, in the role and at the place
    of then, who still may take the export."""
    return (
        file.user_id == user.pk
        and file.scope == scope_of(user)
        and user.has_perm(f"reports.export_{file.export}")
    )


def record_fetch(file: ExportFile, request: HttpRequest) -> None:
    """Record that a kept file was taken once more, with the people in it."""
    for access in Access.objects.filter(pk__in=file.accesses).order_by("pk"):
        record_access(
            request,
            act=Act.DOWNLOAD,
            what="kept_file",
            data={"file": file.pk, "export": file.export, "count": file.rows},
            people=access.numbers,
            reason=file.reason,
        )


def continue_files() -> None:
    """Make files whose job or worker was lost; then remove those whose time is over."""
    silent = Q(status=FileStatus.RUNNING, beat_at__lt=Now() - SILENT)
    waiting = Q(status=FileStatus.WAITING, created_at__lt=Now() - timedelta(seconds=30))
    lost = ExportFile.objects.filter(silent | waiting).order_by("pk")
    for file_id in list(lost.values_list("pk", flat=True)):
        make_file(file_id)
    remove_expired()


def remove_expired() -> int:
    """Remove files whose time is over; what they held stays on record."""
    over = ExportFile.objects.filter(status=FileStatus.DONE, keep_until__lte=Now())
    removed = 0
    for file in over.order_by("pk"):
        export_storage().delete(name_of(file))
        ExportFile.objects.filter(pk=file.pk).update(status=FileStatus.EXPIRED)
        removed += 1
    return removed
