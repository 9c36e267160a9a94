"""Roster files uploaded in the admin: compared by a worker, looked at, imported, then deleted."""

from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pghistory
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError, transaction
from django.db.models import Field, Q
from django.utils import translation
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from redis import RedisError

from database.clock import Now
from dataio.csv_in import BadFile
from dataio.uploads import remember_progress, store
from eligibility.enums import UploadStatus
from eligibility.models import Person, RosterUpload
from eligibility.services.roster import (
    RosterOutdated,
    RosterRefused,
    RosterReport,
    import_roster,
)
from eligibility.services.roster_undo import can_be_undone, take_back
from outside import jobs

_OPEN = (UploadStatus.WAITING, UploadStatus.RUNNING)
RUN, UNDO = "eligibility.jobs.run_upload", "eligibility.jobs.undo_upload"
_SHOWN = 50  # refused rows in the report; the file has all


@transaction.atomic
def start_upload(*, file: UploadedFile[Any], skip_refused: bool, by: str) -> RosterUpload:
    """Store the uploaded file, readable by the portal's account only, and enqueue its import."""
    upload = RosterUpload.objects.create(
        file=Path(file.name or "roster.csv").name[:200], skip_refused=skip_refused, by=by
    )
    store(file, upload_path(upload))
    transaction.on_commit(partial(_enqueue, upload.pk))
    return upload


def upload_path(upload: RosterUpload) -> Path:
    return Path(settings.HOME) / "uploads" / f"roster-{upload.pk}.csv"


def refused_path(upload: RosterUpload) -> Path:
    path = upload_path(upload)
    return path.with_name(f"{path.name}.refused.csv")


def _enqueue(upload_id: int, job: str = RUN) -> None:
    # Without Redis the upload stays waiting until staff ask again (run_again).
    with suppress(RedisError):
        jobs.enqueue(jobs.EXPORTS, job, upload_id)


def is_going_on() -> bool:
    """Whether an upload of the last hour has not ended; an older one needs `run_again`."""
    lately = Q(status__in=_OPEN, created_at__gt=Now() - timedelta(hours=1))
    return RosterUpload.objects.filter(lately | Q(status=UploadStatus.UNDOING)).exists()


def run_again(*, upload: RosterUpload) -> bool:
    """Enqueue an upload again after a failure of the worker or Redis; False if it has ended.

    Safe at any time: an import is one transaction, imports exclude each other, and what was taken
    back is not taken back again.
    """
    if upload.status == UploadStatus.UNDOING:
        _enqueue(upload.pk, UNDO)
        return True
    if upload.status in _OPEN and upload_path(upload).exists():
        _enqueue(upload.pk)
        return True
    return False


def agree(*, upload: RosterUpload, shown: str, by: str) -> bool:
    """Let a worker import what the preview with the fingerprint `shown` showed; False if the
    upload is not at that preview any more, or has refused rows that are not to be left out."""
    with transaction.atomic():
        upload = RosterUpload.objects.select_for_update(no_key=True).get(pk=upload.pk)
        is_shown = upload.status == UploadStatus.SHOWN and upload.fingerprint == shown
        if not is_shown or not may_be_imported(upload):
            return False
        upload.status, upload.agreed_by = UploadStatus.WAITING, by
        upload.save(update_fields=["status", "agreed_by"])
        transaction.on_commit(partial(_enqueue, upload.pk))
    return True


def may_be_imported(upload: RosterUpload) -> bool:
    added, changed, _unchanged, refused = map(int, upload.fingerprint.split(":")[:4])
    return bool(added or changed) and (upload.skip_refused or not refused)


def drop(*, upload: RosterUpload) -> bool:
    """Drop a file that was looked at; False if it is not at its preview any more."""
    dropped = RosterUpload.objects.filter(pk=upload.pk, status=UploadStatus.SHOWN).update(
        status=UploadStatus.REFUSED, ended_at=Now()
    )
    if dropped:
        upload_path(upload).unlink(missing_ok=True)
    return bool(dropped)


def undo(*, upload: RosterUpload, by: str) -> bool:
    """Let a worker take an import back; False if it is not one that can be."""
    with transaction.atomic():
        upload = RosterUpload.objects.select_for_update(no_key=True).get(pk=upload.pk)
        if not can_be_undone(upload):
            return False
        upload.status, upload.undone_by = UploadStatus.UNDOING, by
        upload.save(update_fields=["status", "undone_by"])
        transaction.on_commit(partial(_enqueue, upload.pk, UNDO))
    return True


def run_undo(upload_id: int) -> None:
    """Take an import back (roster_undo); after a failure it goes on where it was."""
    upload = RosterUpload.objects.get(pk=upload_id)
    if upload.status != UploadStatus.UNDOING:
        return
    with pghistory.context(by=upload.undone_by, upload=upload.pk):
        take_back(upload, progress=partial(remember_progress, progress_key(upload)))
    RosterUpload.objects.filter(pk=upload.pk, status=UploadStatus.UNDOING).update(
        status=UploadStatus.UNDONE, undone_at=Now()
    )


def run_upload(upload_id: int) -> None:
    """Compare one upload, or import one that was agreed to, and store its report; a database error
    is stored and raised again."""
    upload = RosterUpload.objects.get(pk=upload_id)
    if upload.status not in _OPEN:
        return
    importing: dict[str, Any] = {"imported_at": Now()} if upload.agreed_by else {}
    RosterUpload.objects.filter(pk=upload.pk).update(status=UploadStatus.RUNNING, **importing)
    path = upload_path(upload)
    with (
        translation.override(settings.LANGUAGE_CODE),
        pghistory.context(by=upload.agreed_by or upload.by, upload=upload.pk),
    ):
        try:
            report = import_roster(
                path,
                skip_refused=upload.skip_refused,
                progress=partial(remember_progress, progress_key(upload)),
                preview=not upload.agreed_by,
                shown=upload.fingerprint,
                upload_id=upload.pk,
            )
        except RosterOutdated:
            _compare_again(upload)
            return
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
            if not upload.agreed_by:
                _show(upload, report)
                return
            _end(upload, UploadStatus.DONE, _summary(report))
    path.unlink(missing_ok=True)


def _show(upload: RosterUpload, report: RosterReport) -> None:
    RosterUpload.objects.filter(pk=upload.pk).update(
        status=UploadStatus.SHOWN,
        fingerprint=report.fingerprint,
        report=f"{upload.report}\n{_summary(report)}".strip(),
    )


def _compare_again(upload: RosterUpload) -> None:
    """The people changed since the preview: a new one is made, and nothing was imported."""
    RosterUpload.objects.filter(pk=upload.pk).update(
        status=UploadStatus.WAITING,
        agreed_by="",
        fingerprint="",
        report=_("The people changed after the preview, and nothing was imported. Look again."),
    )
    _enqueue(upload.pk)


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
        _("%(field)s: %(count)s people get another value.")
        % {"field": _field_name(name), "count": f"{count:,}"}
        for name, count in report.fields.items()
        if count
    ]
    lines += [
        _("line %(line)s, %(problem)s") % {"line": line, "problem": problem}
        for line, problem in sorted(report.refused.items())[:_SHOWN]
    ]
    return "\n".join(lines)


def _field_name(name: str) -> str:
    if name == "name_or_birth_date":
        return _("Name or birth date")
    field = Person._meta.get_field(name)
    assert isinstance(field, Field)  # no relation
    return capfirst(str(field.verbose_name))


def progress_key(upload: RosterUpload) -> str:
    return f"roster_upload:{upload.pk}"
