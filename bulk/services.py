"""From an uploaded file to its preview, to the change, and back.

A request only notes what is to be done; workers compare, apply and take back (bulk.working). The
status of an upload moves in the transaction of the work itself, so a worker that dies has changed
nothing, and its job can be started again at any time.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from redis import RedisError

from bulk.enums import AT_WORK, UploadStatus
from bulk.exceptions import BulkRefused
from bulk.kinds import KINDS, Kind
from bulk.models import Upload, UploadRow
from dataio.uploads import store
from outside import jobs
from staff.actors import actor_of
from staff.models import User

MOST_BYTES = 20 << 20
# For so long a change can be taken back, and its rows be looked at.
KEPT = timedelta(days=30)

_JOBS = {
    UploadStatus.READING: "bulk.jobs.compare",
    UploadStatus.APPLYING: "bulk.jobs.apply",
    UploadStatus.UNDOING: "bulk.jobs.undo",
}


@transaction.atomic
def start(*, kind: type[Kind], file: UploadedFile[Any], user: User) -> Upload:
    """Store a file, readable by the portal's account only, and let a worker compare it."""
    upload = Upload.objects.create(
        kind=kind.code,
        file=Path(file.name or "upload.csv").name[:200],
        language=get_language() or settings.LANGUAGE_CODE,
        user=user,
    )
    store(file, path_of(upload))
    transaction.on_commit(partial(_enqueue, upload.pk, UploadStatus.READING))
    return upload


def path_of(upload: Upload) -> Path:
    return Path(settings.HOME) / "uploads" / f"bulk-{upload.pk}.csv"


def kind_of(upload: Upload, user: Any) -> type[Kind]:
    """The upload's kind; raises BulkRefused for a user without its rights."""
    kind = KINDS.get(upload.kind)
    if kind is None or not kind.allows(user):
        raise BulkRefused(_("Your role does not change these."))
    return kind


def apply(*, upload: Upload, shown: str, skip_refused: bool, user: User) -> None:
    """Let a worker do what the preview with the fingerprint `shown` showed; raises BulkRefused."""
    with transaction.atomic():
        upload = _locked(upload, UploadStatus.READY, user)
        if upload.fingerprint != shown:
            raise BulkRefused(_("The preview changed meanwhile. Look at it again."))
        if upload.counts.get("error") and not skip_refused:
            raise BulkRefused(_("Some rows are refused. Correct the file, or leave them out."))
        if not upload.counts.get("new") and not upload.counts.get("changed"):
            raise BulkRefused(_("Nothing would change."))
        upload.applied_by, upload.skip_refused = actor_of(user), skip_refused
        _move(upload, UploadStatus.APPLYING, "applied_by", "skip_refused")


def undo(*, upload: Upload, user: User) -> None:
    """Let a worker take an applied file back; raises BulkRefused."""
    with transaction.atomic():
        upload = _locked(upload, UploadStatus.DONE, user)
        if not upload.rows.exists():
            raise BulkRefused(_("This was too long ago: what was before is not kept any more."))
        upload.undone_by = actor_of(user)
        _move(upload, UploadStatus.UNDOING, "undone_by")


def drop(*, upload: Upload, user: User) -> None:
    """Drop a file that was looked at and is not wanted; raises BulkRefused."""
    with transaction.atomic():
        upload = _locked(upload, UploadStatus.READY, user)
        upload.rows.all().delete()
        _move(upload, UploadStatus.DROPPED)
    path_of(upload).unlink(missing_ok=True)


def run_again(*, upload: Upload, user: User) -> None:
    """Ask a worker again after a failure; harmless at any time. Raises BulkRefused."""
    kind_of(upload, user)
    if upload.status not in AT_WORK:
        raise BulkRefused(_("Nothing is to be done here."))
    _enqueue(upload.pk, UploadStatus(upload.status))


def _locked(upload: Upload, status: UploadStatus, user: User) -> Upload:
    """The upload, locked, in the status that the act needs; raises BulkRefused."""
    kind_of(upload, user)
    upload = Upload.objects.select_for_update(of=("self",), no_key=True).get(pk=upload.pk)
    if upload.status != status:
        raise BulkRefused(
            _("This file is not as it was on your page: %(status)s.")
            % {"status": upload.get_status_display()}
        )
    return upload


def _move(upload: Upload, status: UploadStatus, *fields: str) -> None:
    upload.status = status
    upload.save(update_fields=["status", *fields])
    if status in AT_WORK:
        transaction.on_commit(partial(_enqueue, upload.pk, status))


def _enqueue(upload_id: int, status: UploadStatus) -> None:
    # Without Redis the upload waits until staff ask again (run_again).
    with suppress(RedisError):
        jobs.enqueue(jobs.EXPORTS, _JOBS[status], upload_id)


def progress_key(upload: Upload) -> str:
    return f"bulk:{upload.pk}"


def purge(now: datetime) -> int:
    """Destroy files and rows after KEPT; what was done by whom stays. Returns the number of rows.

    What was never applied is dropped: the file is gone.
    """
    old = Upload.objects.filter(created_at__lt=now - KEPT)
    unapplied = old.filter(status__in=[UploadStatus.READY, UploadStatus.READING])
    for upload in unapplied:
        path_of(upload).unlink(missing_ok=True)
    unapplied.update(status=UploadStatus.DROPPED)
    # Not those at work, whose rows are needed.
    rows = UploadRow.objects.filter(upload__in=old.exclude(status__in=AT_WORK))
    return rows.delete()[0]
