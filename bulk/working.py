"""What workers do with an upload: compare, apply, take back; each in one transaction."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

import pghistory
from django.db import IntegrityError, connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from bulk.comparing import Comparison, Digest, RowPlan
from bulk.enums import Action, UploadStatus
from bulk.exceptions import BulkRefused, Outdated
from bulk.kinds import Change, Key, Kind, Values, from_json
from bulk.models import Upload, UploadRow
from bulk.services import kind_of, path_of, progress_key
from bulk.values import all_as_json, as_json
from database.clock import Now
from dataio.csv_in import BadFile, open_table
from dataio.importing import check_constraints_at_once, rule_of
from dataio.uploads import count_lines, remember_progress
from staff.actors import actor_of, user_id_of
from staff.models import User

BATCH = 1000  # rows
# First key of the advisory lock: one file of a kind is applied or taken back at a time.
LOCK = 0x424C4B31


def compare(upload_id: int) -> None:
    """Store the preview of an upload that was sent; a file that can't be read ends it."""
    with transaction.atomic():
        upload = _taken(upload_id, UploadStatus.READING)
        if upload is None:
            return
        with translation.override(upload.language):
            try:
                with transaction.atomic():
                    _store_preview(upload, _kind(upload, upload.user))
            except (BadFile, BulkRefused) as problem:
                _end(upload, UploadStatus.REFUSED, report=str(problem))
                transaction.on_commit(partial(path_of(upload).unlink, missing_ok=True))


def apply(upload_id: int) -> None:
    """Do what the preview showed; if the data changed since, store a new preview instead."""
    with transaction.atomic():
        upload = _taken(upload_id, UploadStatus.APPLYING)
        if upload is None:
            return
        user = _actor(upload.applied_by)
        with (
            translation.override(upload.language),
            pghistory.context(by=upload.applied_by, upload=upload.pk),
        ):
            try:
                with transaction.atomic():
                    _apply(upload, _kind(upload, user))
            except Outdated:
                _preview_again(upload, _kind(upload, user), _outdated())
            except IntegrityError as error:
                report = _("The database refused it: %s.") % rule_of(error)
                _preview_again(upload, _kind(upload, user), report)
            except (BadFile, BulkRefused) as problem:
                _end(upload, UploadStatus.READY, report=str(problem))
            else:
                _end(upload, UploadStatus.DONE, applied_at=Now(), report="")
                transaction.on_commit(partial(path_of(upload).unlink, missing_ok=True))


def undo(upload_id: int) -> None:
    """Take an applied file back whole; nothing, if others changed one of its records since."""
    with transaction.atomic():
        upload = _taken(upload_id, UploadStatus.UNDOING)
        if upload is None:
            return
        user = _actor(upload.undone_by)
        with (
            translation.override(upload.language),
            pghistory.context(by=upload.undone_by, upload=upload.pk),
        ):
            try:
                with transaction.atomic():
                    _undo(upload, _kind(upload, user))
            except Outdated:
                report = _("Somebody changes the same now. Try again.")
                _end(upload, UploadStatus.DONE, report=report, undone_by="")
            except BulkRefused as problem:
                _end(upload, UploadStatus.DONE, report=str(problem), undone_by="")
            else:
                _end(upload, UploadStatus.UNDONE, undone_at=Now(), report="")


def _preview_again(upload: Upload, kind: Kind, report: str) -> None:
    _store_preview(upload, kind)
    _end(upload, UploadStatus.READY, report=report)


def _outdated() -> str:
    return _(
        "The data changed after the preview, and nothing was applied. This is the new preview: "
        "look at it again."
    )


def _taken(upload_id: int, status: UploadStatus) -> Upload | None:
    """The upload, locked until commit; None if another job did the work."""
    upload = (
        Upload.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user")
        .get(pk=upload_id)
    )
    if upload.status != status:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK, upload.kind])
    return upload


def _actor(by: str) -> User:
    user_id = user_id_of(by)
    assert user_id is not None  # written by bulk.services
    return User.objects.get(pk=user_id)


def _kind(upload: Upload, user: User) -> Kind:
    """The upload's kind for this user, whose rights may have changed since the click."""
    if not user.is_active:
        raise BulkRefused(_("The account was switched off."))
    return kind_of(upload, user)(by=actor_of(user), user=user)


def _end(upload: Upload, status: UploadStatus, **values: Any) -> None:
    Upload.objects.filter(pk=upload.pk).update(status=status, **values)


def _plans(upload: Upload, kind: Kind, *, lock: bool = False) -> Iterator[list[RowPlan]]:
    """The plans of the file, batch by batch; raises BadFile."""
    comparison, rows = Comparison(kind), 0
    with open_table(path_of(upload), kind.layouts) as table:
        while batch := list(islice(table.rows, BATCH)):
            rows += len(batch)
            if rows > kind.most_rows:
                raise BadFile(
                    _("At most %(count)s rows can be read. Cut the file into several.")
                    % {"count": f"{kind.most_rows:,}"}
                )
            yield comparison.plan(batch, lock=lock)
    if not rows:
        raise BadFile(_("There is no row below the first line."))


def _store_preview(upload: Upload, kind: Kind) -> None:
    upload.rows.all().delete()
    counts: Counter[str] = Counter()
    digest, total = Digest(), count_lines(path_of(upload))
    for plans in _plans(upload, kind):
        rows = [row for plan in plans for row in _rows_of(upload, plan)]
        counts.update(row.action for row in rows)
        counts["unchanged"] += sum(not plan.changes and not plan.problem for plan in plans)
        UploadRow.objects.bulk_create(rows, batch_size=BATCH)
        for plan in plans:
            digest.add(plan)
        remember_progress(progress_key(upload), plans[-1].line, total)
    _end(upload, UploadStatus.READY, counts=dict(counts), fingerprint=digest.hexdigest(), report="")


def _rows_of(upload: Upload, plan: RowPlan) -> list[UploadRow]:
    if plan.problem:
        return [_row(upload, plan.line, Action.ERROR, problem=plan.problem)]
    return [
        _row(
            upload,
            change.line,
            Action.NEW if change.before is None else Action.CHANGED,
            key=[as_json(part) for part in change.key],
            before=change.before and all_as_json(change.before),
            after=all_as_json(change.after),
        )
        for change in plan.changes
    ]


def _row(upload: Upload, line: int, action: Action, **content: Any) -> UploadRow:
    text = json.dumps(content, ensure_ascii=False)
    return UploadRow(upload=upload, line=line, action=action, content=text)


def _apply(upload: Upload, kind: Kind) -> None:
    """Write the changes; raises Outdated, after which the caller rolls back."""
    check_constraints_at_once()
    # Compared again, under the locks of what changes: the preview may be hours old.
    digest, total = Digest(), count_lines(path_of(upload))
    for plans in _plans(upload, kind, lock=True):
        for plan in plans:
            digest.add(plan)
        kind.write([change for plan in plans if not plan.problem for change in plan.changes])
        remember_progress(progress_key(upload), plans[-1].line, total)
    # Only now, since rows are compared and written batch by batch; the caller rolls back.
    if digest.hexdigest() != upload.fingerprint:
        raise Outdated


def changes_of(upload: Upload, kind: type[Kind]) -> Iterator[Change]:
    """The stored changes of an upload, in order of lines."""
    rows = upload.rows.exclude(action=Action.ERROR).order_by("line", "pk")
    for row in rows.iterator(chunk_size=BATCH):
        yield change_in(row, kind)


def change_in(row: UploadRow, kind: type[Kind]) -> Change:
    content = json.loads(row.content)
    names = zip(kind.key_fields, content["key"], strict=True)
    return Change(
        line=row.line,
        key=tuple(from_json(kind, name, value) for name, value in names),
        before=None if content["before"] is None else _values(kind, content["before"]),
        after=_values(kind, content["after"]),
    )


def _values(kind: type[Kind], values: Values) -> Values:
    return {name: from_json(kind, name, value) for name, value in values.items()}


def _undo(upload: Upload, kind: Kind) -> None:
    """Take all changes back; raises BulkRefused, naming the records for which it can't be done."""
    changes = list(changes_of(upload, type(kind)))
    stored = kind.current({change.key for change in changes}, lock=True)
    added = {change.key for change in changes if change.before is None}
    in_use = kind.in_use(added)
    problems = {
        change.key: problem
        for change in changes
        if (
            problem := in_use.get(change.key)
            or _changed_since(change, stored.get(change.key))
            or (change.before is not None and kind.undoable(change))
        )
    }
    if problems:
        raise BulkRefused(_not_undone(kind, problems))
    # Values first, so that nothing refers to a record that goes.
    kind.write([change.reversed() for change in changes if change.before is not None])
    kind.remove(added)


def _changed_since(change: Change, stored: Values | None) -> str:
    if stored is None:
        return _("it is not there any more")
    if any(stored[name] != value for name, value in change.after.items()):
        return _("it was changed since")
    return ""


_NAMED = 50  # records in a report


def _not_undone(kind: Kind, problems: dict[Key, str]) -> str:
    lines = [f"{kind.named(key)}: {problem}" for key, problem in list(problems.items())[:_NAMED]]
    more = len(problems) - len(lines)
    if more:
        lines.append(_("and %(count)s more") % {"count": more})
    return "\n".join([_("Nothing was taken back, because of these:"), *lines])
