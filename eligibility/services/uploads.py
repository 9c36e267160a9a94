"""Roster files uploaded in the admin: stored for a worker, imported, then deleted."""

import os
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pghistory
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError, transaction
from django.utils import translation
from django.utils.translation import gettext as _
from redis import RedisError

from database.clock import Now
from dataio.csv_in import BadFile
from eligibility.enums import UploadStatus
from eligibility.models import RosterUpload
from eligibility.services.roster import RosterRefused, RosterReport, import_roster
from outside import jobs

_OPEN = (UploadStatus.WAITING, UploadStatus.RUNNING)
_SHOWN = 50  # refused rows in the report; the file has all


@transaction.atomic
def start_upload(*, file: UploadedFile[Any], skip_refused: bool, by: str) -> RosterUpload:
    """Store the uploaded file, readable by the portal's account only, and enqueue its import."""
    upload = RosterUpload.objects.create(
        file=Path(file.name or "roster.csv").name[:200], skip_refused=skip_refused, by=by
    )
    path = upload_path(upload)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as target:
        for chunk in file.chunks():
            target.write(chunk)
    transaction.on_commit(partial(_enqueue, upload.pk))
    return upload


def upload_path(upload: RosterUpload) -> Path:
    return Path(settings.HOME) / "uploads" / f"roster-{upload.pk}.csv"


def refused_path(upload: RosterUpload) -> Path:
    path = upload_path(upload)
    return path.with_name(f"{path.name}.refused.csv")


def _enqueue(upload_id: int) -> None:
    # Without Redis the upload stays waiting until staff ask again (run_again).
    with suppress(RedisError):
        jobs.enqueue(jobs.EXPORTS, "eligibility.jobs.run_upload", upload_id)


def is_going_on() -> bool:
    """Whether an upload of the last hour has not ended; an older one needs `run_again`."""
    return RosterUpload.objects.filter(
        status__in=_OPEN, created_at__gt=Now() - timedelta(hours=1)
    ).exists()


def run_again(*, upload: RosterUpload) -> bool:
    """Enqueue an upload again after a failure of the worker or Redis; False if it has ended.

    Safe at any time: an import is one transaction, and imports exclude each other.
    """
    if upload.status in _OPEN and upload_path(upload).exists():
        _enqueue(upload.pk)
        return True
    return False


def run_upload(upload_id: int) -> None:
    """Import one upload and store its report; a database error is stored and raised again."""
    upload = RosterUpload.objects.get(pk=upload_id)
    if upload.status not in _OPEN:
        return
    RosterUpload.objects.filter(pk=upload.pk).update(status=UploadStatus.RUNNING)
    path = upload_path(upload)
    with (
        translation.override(settings.LANGUAGE_CODE),
        pghistory.context(by=upload.by, upload=upload.pk),
    ):
        try:
            report = import_roster(
                path,
                skip_refused=upload.skip_refused,
                progress=partial(_remember_progress, upload.pk),
            )
        except BadFile as problem:
            _end(upload, UploadStatus.REFUSED, str(problem))
        except RosterRefused as refusal:
            _end(upload, UploadStatus.REFUSED, _summary(refusal.report))
        except DatabaseError as error:
            # Only the kind of error: the database's text may contain a person's values.
            kind = type(error.__cause__ or error).__name__
            _end(upload, UploadStatus.REFUSED, _("The database refused it: %s.") % kind)
            raise
        else:
            _end(upload, UploadStatus.DONE, _summary(report))
    path.unlink(missing_ok=True)


def _end(upload: RosterUpload, status: UploadStatus, report: str) -> None:
    RosterUpload.objects.filter(pk=upload.pk).update(status=status, report=report, ended_at=Now())


def _summary(report: RosterReport) -> str:
    lines = [
        _("%(added)s added, %(changed)s changed, %(unchanged)s unchanged, %(refused)s refused.")
        % {
            "added": f"{report.added:,}",
            "changed": f"{report.changed:,}",
            "unchanged": f"{report.unchanged:,}",
            "refused": f"{len(report.refused):,}",
        }
    ]
    lines += [
        _("line %(line)s, %(problem)s") % {"line": line, "problem": problem}
        for line, problem in sorted(report.refused.items())[:_SHOWN]
    ]
    return "\n".join(lines)


def _remember_progress(upload_id: int, done: int, total: int) -> None:
    """In the cache, since the import's own transaction would hide a row until the end."""
    with suppress(RedisError):
        cache.set(f"roster_upload:{upload_id}", (done, total), timeout=3600)


def progress_of(upload: RosterUpload) -> tuple[int, int] | None:
    """(Lines read, lines) of a running import; None if unknown."""
    try:
        progress: tuple[int, int] | None = cache.get(f"roster_upload:{upload.pk}")
    except RedisError:
        return None
    return progress
