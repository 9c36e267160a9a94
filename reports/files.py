"""Files that a worker makes and keeps: asked for, made, watched, cancelled, taken, removed."""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import storages
from django.db import Error, connection, transaction
from django.db.models import F, Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from redis import RedisError

from database.clock import Now
from outside import jobs
from reports import morning
from reports.enums import OPEN, FileStatus, Zone
from reports.exceptions import BadSelection
from reports.figures import counted_at, recount
from reports.models import ExportFile, ExportToken
from reports.orders import form_of, order_of, selection_of
from reports.packing import check_packing, packed
from reports.reading import query_of, rows_expected
from reports.selection import Form, Selection, check_reason
from reports.storage import UNFINISHED, WholeFileStorage, remove_left, storage_of
from reports.taking import record_taking
from reports.writing import Hashing, Written, write_csv
from staff.enums import Act
from staff.models import Access, User
from staff.services import record_access

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
# A worker that was silent for so long is taken for dead, and another one begins anew.
SILENT = timedelta(minutes=2)
MOST_ATTEMPTS = 5
MOST_MINUTES = 15  # between two attempts
SHOWN_LETTERS = 100


class CountsDiffer(Exception):
    """The rows of a file are not as many as the tables have."""


class Stopped(Exception):
    """The file was cancelled, or another worker has taken it over."""


@transaction.atomic
def order_file(
    *,
    selection: Selection,
    form: Form,
    reason: str,
    user: User | None = None,
    token: ExportToken | None = None,
) -> ExportFile:
    """Have a worker make the file, for a user or a token; raises BadSelection."""
    check_reason(selection, reason)
    check_packing(selection, form.packing)
    file = ExportFile.objects.create(
        export=selection.export.name,
        version=selection.export.version,
        options=order_of(selection, form),
        user=user,
        token=token,
        scope=scope_of(user),
        reason=reason,
        rows_expected=rows_expected(query_of(selection, Zone.UTC)),
    )
    transaction.on_commit(partial(enqueue, file.pk))
    return file


def scope_of(user: User | None) -> list[Any]:
    """What the user's rows depend on."""
    if user is None:
        return []
    return [user.role, user.clinic_id, user.region, user.district, user.is_superuser]


def name_of(file: ExportFile) -> str:
    """The name under which the file lies in its storage."""
    return file.path or f"kept/{file.key}.{file.options['packing']}"


def enqueue(file_id: int) -> None:
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
    except CountsDiffer:
        _try_later(file, _("The file has other rows than the tables."))
        log.error("export file %s departs from the tables", file.pk)
    except Exception as error:
        # Also what a storage raises, each its own. Only the kind of error is kept: a database's
        # text may hold a person's values.
        kind = error.strerror if isinstance(error, OSError) else ""
        _try_later(file, kind or type(error).__name__)
        log.exception("export file %s could not be made", file.pk)


def _free() -> Q:
    """Files that a worker may take: waiting ones, and those whose worker is silent."""
    waiting = Q(status=FileStatus.WAITING) & (Q(not_before=None) | Q(not_before__lte=Now()))
    return waiting | Q(status=FileStatus.RUNNING, beat_at__lt=Now() - SILENT)


def _claim(file_id: int) -> ExportFile | None:
    claimed = ExportFile.objects.filter(_free(), pk=file_id).update(
        status=FileStatus.RUNNING, attempt=F("attempt") + 1, beat_at=Now(), rows=0, problem=""
    )
    files = ExportFile.objects.select_related("user", "token", "schedule")
    return files.get(pk=file_id) if claimed else None


def _mine(file: ExportFile) -> Any:
    return ExportFile.objects.filter(pk=file.pk, attempt=file.attempt, status=FileStatus.RUNNING)


def _end(file: ExportFile, status: FileStatus, problem: str = "") -> None:
    _mine(file).update(status=status, problem=problem[:200], ended_at=Now())


def _try_later(file: ExportFile, problem: str) -> None:
    """Again after 1, 2, 4 … 15 minutes; a schedule's file until it is there, others five times."""
    if file.attempt >= MOST_ATTEMPTS and file.schedule is None:
        _end(file, FileStatus.FAILED, problem)
        return
    pause = timedelta(minutes=min(2 ** (file.attempt - 1), MOST_MINUTES))
    _mine(file).update(status=FileStatus.WAITING, problem=problem[:200], not_before=Now() + pause)


class Watch:
    """Notes how far a file is and raises Stopped once it was cancelled.

    In a thread with a connection of its own: that of the snapshot sees only what was before it, and
    waits while Postgres sorts the rows. The thread begins with the first call, when the processes
    that open cells are forked.
    """

    def __init__(self, file: ExportFile) -> None:
        self._file, self._rows, self._stopped = file, 0, False
        self._ended = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __call__(self, rows: int) -> None:
        self._rows = rows
        if self._thread.ident is None:
            self._thread.start()
        if self._stopped:
            raise Stopped

    def _watch(self) -> None:
        own = connection.copy()
        try:
            while self._beat(own) and not self._ended.wait(BEAT_SECONDS):
                pass
        except Error:
            # The file's own connection says what is wrong.
            log.warning("the progress of export file %s is not noted", self._file.pk)
        finally:
            own.close()

    def _beat(self, own: Any) -> bool:
        with own.cursor() as cursor:
            cursor.execute(
                "UPDATE reports_exportfile SET rows = %s, beat_at = jari_now()"
                " WHERE id = %s AND attempt = %s AND status = 'running'",
                [self._rows, self._file.pk, self._file.attempt],
            )
            self._stopped = not cursor.rowcount
        return not self._stopped

    def close(self) -> None:
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()


def _make(file: ExportFile) -> None:
    if file.export == morning.NAME:
        _make_report(file)
        return
    selection = selection_of(file.export, file.options, file.user)
    form = form_of(file.options)
    with tempfile.TemporaryFile() as temporary:
        hashing = Hashing(temporary)
        with (
            closing(Watch(file)) as watch,
            packed(hashing.as_file, selection, form.packing) as target,
        ):
            written = write_csv(
                target,
                selection,
                form.for_packing,
                progress=watch,
                processes=os.cpu_count() or 1,
                count=True,
            )
        if written.rows != written.counted:
            raise CountsDiffer
        if not _mine(file).exists():
            raise Stopped
        temporary.seek(0)
        storage_of(file.storage).save(name_of(file), File(temporary))
    if file.schedule is not None:
        _save_manifest(file, manifest(file, selection, written, hashing))
    by = _taker(file)
    _finish(
        file,
        partial(record_taking, selection, written, reason=file.reason, user=file.user, by=by),
        rows=written.rows,
        size=hashing.size,
        sha256=hashing.sha256,
        replaced_count=written.replaced_count,
        replaced=[vars(entry) for entry in written.replaced[:SHOWN_LETTERS]],
    )


def _make_report(file: ExportFile) -> None:
    """The morning report of a schedule: figures counted now, of the days until yesterday."""
    assert file.day is not None
    scope = morning.scope_of_morning(file.options["region"], file.day)
    as_of = recount() or counted_at()
    content = morning.report(scope, file.options["language"])
    sha256 = hashlib.sha256(content).hexdigest()
    storage_of(file.storage).save(name_of(file), ContentFile(content))
    described = {
        "file": name_of(file).rpartition("/")[2],
        "export": file.export,
        "version": file.version,
        "first": scope.first.isoformat(),
        "last": scope.last.isoformat(),
        "bytes": len(content),
        "sha256": sha256,
        "as_of": as_of and as_of.isoformat(timespec="seconds"),
    }
    _save_manifest(file, described)
    data = {"export": f"{file.export} v{file.version}", "region": scope.region or "–"}

    def record() -> list[Access]:
        by = _taker(file)
        return [
            record_access(None, act=Act.DOWNLOAD, what="file", data=data, reason=file.reason, by=by)
        ]

    _finish(file, record, size=len(content), sha256=sha256)


def _save_manifest(file: ExportFile, described: dict[str, Any]) -> None:
    """Last: where a manifest lies, its file is whole."""
    text = json.dumps(described, ensure_ascii=False, indent=2)
    name = f"{name_of(file)}.manifest.json"
    storage_of(file.storage).save(name, ContentFile(f"{text}\n".encode()))


def manifest(
    file: ExportFile, selection: Selection, written: Written, hashing: Hashing
) -> dict[str, Any]:
    """What lies beside a delivered file, for the program that takes it from there."""
    assert written.as_of is not None
    return {
        "file": name_of(file).rpartition("/")[2],
        "export": selection.export.name,
        "version": selection.export.version,
        "columns": [column.name for column in selection.columns],
        "first": selection.first and selection.first.isoformat(),
        "last": selection.last and selection.last.isoformat(),
        "rows": written.rows,
        "bytes": hashing.size,
        "sha256": hashing.sha256,
        "as_of": written.as_of.isoformat(timespec="seconds"),
        "letters_replaced": written.replaced_count,
    }


@transaction.atomic
def _finish(file: ExportFile, record: Callable[[], list[Access]], **values: Any) -> None:
    """The file is there from now on with these values, and on record with the people in it."""
    if not _mine(file).select_for_update().exists():
        raise Stopped
    _mine(file).update(
        **values,
        status=FileStatus.DONE,
        accesses=[access.pk for access in record()],
        ended_at=Now(),
        # A delivered file is the business of its place.
        keep_until=None if file.schedule else Now() + timedelta(days=settings.EXPORT_DAYS),
    )


def _taker(file: ExportFile) -> str:
    if file.token is not None:
        return f"token:{file.token.name}"
    return f"schedule:{file.schedule.name}" if file.schedule is not None else ""


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
    _record(file, request, "")


def record_fetch_by_token(file: ExportFile, request: HttpRequest) -> None:
    """As `record_fetch`, once a day: a transfer that broke off is taken up in many requests."""
    by = _taker(file)
    taken = Access.objects.filter(at__gt=Now() - timedelta(days=1), by=by, what="kept_file")
    if not taken.filter(data__file=file.pk).exists():
        _record(file, request, by)


def _record(file: ExportFile, request: HttpRequest, by: str) -> None:
    for access in Access.objects.filter(pk__in=file.accesses).order_by("pk"):
        record_access(
            request,
            act=Act.DOWNLOAD,
            what="kept_file",
            data={"file": file.pk, "export": file.export, "count": file.rows},
            people=access.numbers,
            reason=file.reason,
            by=by,
        )


def continue_files() -> None:
    """Make files whose job or worker was lost; then remove those whose time is over, and what
    writers that died left unfinished."""
    # One that was asked for just now has a job.
    lost = ExportFile.objects.filter(_free(), created_at__lt=Now() - timedelta(seconds=30))
    for file_id in list(lost.order_by("pk").values_list("pk", flat=True)):
        make_file(file_id)
    remove_expired()
    remove_unfinished()


def remove_expired() -> int:
    """Remove files whose time is over; what they held stays on record."""
    over = ExportFile.objects.filter(status=FileStatus.DONE, keep_until__lte=Now())
    removed = 0
    for file in over.order_by("pk"):
        storage_of(file.storage).delete(name_of(file))
        ExportFile.objects.filter(pk=file.pk).update(status=FileStatus.EXPIRED)
        removed += 1
    return removed


def remove_unfinished() -> int:
    """Remove what writers that died left in the folders of files, and where files are packed."""
    folders = [storages[name] for name in settings.STORAGES if name.startswith("export")]
    left = sum(folder.remove_left() for folder in folders if isinstance(folder, WholeFileStorage))
    return left + remove_left(Path(tempfile.gettempdir()).glob(f"{UNFINISHED}*"))
