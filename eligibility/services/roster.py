"""Imports a roster of any size in one transaction.

Several processes check, encrypt and hash pieces of the file. Their packed rows are copied into
Postgres batch by batch: new people are inserted at once, unchanged ones are noted, and the rest
(changed, double, stored under another key) is staged, and settled at the end of the file
(services.roster_settling). Unchanged rows are not touched, so people who are booking are not
locked.
"""

import multiprocessing
import os
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import django
from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import translation
from django.utils.translation import gettext as _

from dataio.csv_in import (
    REFUSED_LINE,
    REFUSED_REASON,
    BadFile,
    Pieces,
    absent_columns,
    open_pieces,
)
from dataio.csv_out import csv_line
from dataio.uploads import count_lines
from eligibility import roster
from eligibility.models import Person
from eligibility.services.roster_settling import (
    INSERT_PERSON,
    changed_fields,
    count,
    digest_of_changes,
    note_added,
    note_changed,
    refuse_doubles,
    settle,
)
from privacy.cipher import index_key_number
from privacy.reindexing import under_other_keys

PIECE = 2000  # lines that one process packs at a time
BATCH = 20  # pieces that are copied into Postgres at a time
_AHEAD = 2 * BATCH  # pieces in memory at most
IMPORT_LOCK = 7_003_001  # number of the advisory lock: one import at a time


@dataclass
class RosterReport:
    """Counts of an import; `refused` is line number → reason."""

    encoding: str
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    refused_path: Path | None = None
    # Of a preview: how many people get another value, by field.
    fields: dict[str, int] = field(default_factory=dict)
    # Equal for two runs over a file only if they do the same.
    fingerprint: str = ""


class RosterRefused(Exception):
    """Some rows were refused and `skip_refused` was off: nothing was changed."""

    def __init__(self, report: RosterReport):
        super().__init__(report)
        self.report = report


class RosterOutdated(Exception):
    """The import would not do what its preview showed: nothing was changed."""


class _PreviewDone(Exception):
    """Rolls a preview back."""


@dataclass
class _Progress:
    """State of the import between batches."""

    rows: int = 0  # read, refused ones included
    all_new: bool = True  # so far no person was stored before, and no key occurred twice
    mostly_new: bool = True  # in the last batch
    tries: int = 0
    failures: int = 0

    @property
    def may_insert_blindly(self) -> bool:
        """Whether to try the next batch as one plain INSERT, which is fastest for new people.

        Each try is a subtransaction; with more than 64 of them Postgres' cache of subtransactions
        overflows and other sessions' reads slow down. After three failures the file is mixed.
        """
        return self.mostly_new and self.tries < 50 and self.failures < 3


def import_roster(
    path: Path,
    *,
    skip_refused: bool = False,
    processes: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    preview: bool = False,
    shown: str = "",
    upload_id: int | None = None,
) -> RosterReport:
    """Add and change the people of a roster file; nobody is removed (see `remove_from_roster`).

    `progress` is called with (lines read, lines); a `preview` changes nothing, and `shown` is the
    fingerprint of one. With `upload_id` it can be taken back (roster_undo). Raises BadFile,
    RosterRefused or RosterOutdated, which change nothing.
    """
    total = count_lines(path)
    processes = processes or (os.cpu_count() or 1)
    if total <= PIECE:
        processes = 1  # starting processes would take longer than the work
    with (
        open_pieces(path, [roster.LAYOUT], size=PIECE) as opened,
        _packers(processes) as pack,
    ):
        report = RosterReport(encoding=opened.encoding)
        with suppress(_PreviewDone), transaction.atomic(), connection.cursor() as cursor:
            _lock_imports(cursor)
            cursor.execute(_TABLES)
            state = _load_batches(cursor, opened, pack, report, lambda done: progress(done, total))
            if not state.rows:
                raise BadFile(_("There is no row below the first line."))
            if not state.all_new:
                refuse_doubles(cursor, report.refused)
            if report.refused and not skip_refused and not preview:
                raise RosterRefused(report)
            absent = absent_columns(opened.header, roster.LAYOUT)
            _settle_or_count(cursor, state, report, absent, preview=preview, upload_id=upload_id)
            if preview:
                progress(total, total)
                raise _PreviewDone
            if shown and report.fingerprint != shown:
                raise RosterOutdated
            # Written before the commit, so that a full disk rolls the import back; renamed after
            # it, so that the file never tells of an import that failed.
            temporary = _write_refused(path, report) if report.refused else None
        if not preview and temporary:
            report.refused_path = path.with_name(f"{path.name}.refused.csv")
            os.replace(temporary, report.refused_path)
    progress(total, total)
    return report


def _settle_or_count(
    cursor: CursorWrapper,
    state: _Progress,
    report: RosterReport,
    absent: frozenset[str],
    *,
    preview: bool,
    upload_id: int | None,
) -> None:
    """Complete the report; a preview changes nobody, so that nobody who books waits for it."""
    noted = None if preview else upload_id
    changes = ""
    if state.all_new:
        report.added = state.rows - len(report.refused)
    else:
        changes = digest_of_changes(cursor)
        if preview:
            report.fields = changed_fields(cursor, absent)
        if noted is not None:
            note_changed(cursor, noted)
        settled = count(cursor) if preview else settle(cursor, absent)
        report.added, report.changed = settled.added, settled.changed
        report.unchanged = settled.unchanged
    if noted is not None:
        note_added(cursor, noted, all_new=state.all_new)
    counts = [report.added, report.changed, report.unchanged, len(report.refused)]
    report.fingerprint = ":".join([*map(str, counts), changes])


# Packs a piece of the file (roster.pack), in this or another process.
Pack = Callable[..., Future[Any]]


def _lock_imports(cursor: CursorWrapper) -> None:
    """Take the lock of imports until the end of the transaction; BadFile if another holds it.

    BadFile too while a person is found by an index of another key only: the statements of an import
    compare indexes in SQL, under one key.
    """
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [IMPORT_LOCK])
    if not cursor.fetchone()[0]:
        raise BadFile(_("Another roster is being imported. Try again when it is done."))
    if Person.objects.filter(under_other_keys("identity_index", [index_key_number()])).exists():
        raise BadFile(_("The index key is being changed: run reindex first."))
    # The joins of a roster with millions of rows sort and hash more than the portal's pages.
    cursor.execute("SET LOCAL work_mem = '32MB'")


# Reading and packing


@contextmanager
def _packers(processes: int) -> Iterator[Pack]:
    """A function that packs a piece of the file in one of `processes`, returning a Future."""
    if processes == 1:
        yield _pack_here
        return
    # fork starts fastest, but is unsafe on macOS, whose libraries use threads.
    method = "fork" if sys.platform == "linux" else "spawn"
    with ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context(method),
        initializer=_start_process,
        initargs=(translation.get_language(),),
    ) as pool:
        yield lambda *arguments: pool.submit(roster.pack, *arguments)


def _start_process(language: str) -> None:
    django.setup()
    translation.activate(language)  # reasons of refusals are texts made in the process


def _pack_here(*arguments: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(roster.pack(*arguments))
    return future


def _load_batches(
    cursor: CursorWrapper,
    opened: Pieces,
    pack: Pack,
    report: RosterReport,
    progress: Callable[..., None],
) -> _Progress:
    """Copy all valid rows into Postgres batch by batch; insert, note or stage each of them."""
    state = _Progress()
    pieces = _in_order(opened, pack)
    while batch := list(islice(pieces, BATCH)):
        with cursor.copy(_COPY) as copy:
            copy.write(roster.COPY_HEADER)
            for packed, _line in batch:
                copy.write(packed.rows)
                report.refused.update(packed.refused)
                state.rows += packed.count + len(packed.refused)
            copy.write(roster.COPY_END)
        valid = sum(packed.count for packed, _line in batch)
        if not (state.may_insert_blindly and _insert_all(cursor, state)):
            _sort_batch(cursor, valid, state)
        cursor.execute("TRUNCATE roster_batch")
        progress(batch[-1][1])
    return state


def _insert_all(cursor: CursorWrapper, state: _Progress) -> bool:
    """Insert a batch of new people; False, and nothing changed, if one is stored already."""
    state.tries += 1
    try:
        with transaction.atomic():
            cursor.execute(_ADD_BATCH)
            cursor.execute(_NOTE_BATCH)
    except IntegrityError:
        state.failures += 1
        return False
    return True


def _sort_batch(cursor: CursorWrapper, count: int, state: _Progress) -> None:
    """Insert the new people of a batch, note the unchanged ones, stage the rest.

    After a batch of mostly stored people the INSERT is left out: nearly every row would conflict.
    """
    cursor.execute(_LAST_ID)
    before, added = cursor.fetchone()[0], 0
    if state.mostly_new:
        cursor.execute(f"{_ADD_BATCH} ON CONFLICT DO NOTHING")
        added = cursor.rowcount
    if added == count:
        cursor.execute(_NOTE_BATCH)
        return
    cursor.execute(_SORT_BATCH, [before])
    # Without the INSERT the staged rows tell how many people are new.
    state.mostly_new = (added if state.mostly_new else cursor.rowcount) * 2 > count
    state.all_new = False


def _in_order(opened: Pieces, pack: Pack) -> Iterator[tuple[roster.PackedRows, int]]:
    """Packed pieces with their first lines, in the order of the file."""
    waiting: deque[tuple[Future[Any], int]] = deque()
    for piece in opened.pieces:
        waiting.append((pack(opened.header, piece), piece.first_line))
        # Bounds memory where Postgres is slower than the packing processes.
        if len(waiting) > _AHEAD:
            future, line = waiting.popleft()
            yield future.result(), line
    for future, line in waiting:
        yield future.result(), line


_COPY = f"COPY roster_batch ({', '.join(roster.STAGED)}) FROM STDIN (FORMAT BINARY)"

# Dropped first: tests import twice in one transaction, and ON COMMIT DROP waits for its end.
_TABLES = """
DROP TABLE IF EXISTS
    pg_temp.roster_batch, pg_temp.roster_done, pg_temp.roster_staging, pg_temp.roster_todo;
CREATE TEMPORARY TABLE roster_batch (
    line integer, roster_key text, name bytea, birth_date bytea, phone bytea, region text,
    district text, groups text, last_dose_on bytea, identity_index bytea,
    name_birth_index bytea, phone_index bytea, roster_digest bytea
) ON COMMIT DROP;
CREATE TEMPORARY TABLE roster_staging (LIKE roster_batch) ON COMMIT DROP;
CREATE TEMPORARY TABLE roster_done (line integer, roster_key text, added boolean) ON COMMIT DROP;
"""

# The highest id given out so far: people with a higher one were inserted by the next statement.
_LAST_ID = """
SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('eligibility_person', 'id')), 0)
"""

_ADD_BATCH = f"""
{INSERT_PERSON}
SELECT roster_key, roster_digest, 'roster', name, birth_date, phone, region, district,
    string_to_array(groups, ';'), last_dose_on, identity_index, name_birth_index, phone_index,
    jari_now()
FROM roster_batch
"""  # noqa: S608 - constants only

_NOTE_BATCH = "INSERT INTO roster_done SELECT line, roster_key, true FROM roster_batch"

# A row whose digest is stored was either added just now, if its id is above _LAST_ID (only this
# import writes roster keys), or is unchanged. All other rows are staged.
# LIMIT 1 forces an index look-up per row, where the planner would join by reading the whole table.
_SORT_BATCH = """
WITH known AS MATERIALIZED (
    SELECT b.line, b.roster_key, p.id > %s AS added
    FROM roster_batch AS b CROSS JOIN LATERAL (
        SELECT id, roster_digest FROM eligibility_person WHERE roster_key = b.roster_key LIMIT 1
    ) AS p
    WHERE p.roster_digest = b.roster_digest
), settled AS MATERIALIZED (
    SELECT line, roster_key, false AS added FROM known WHERE NOT added
    UNION ALL
    SELECT min(line), roster_key, true FROM known WHERE added GROUP BY roster_key
), noted AS (
    INSERT INTO roster_done SELECT line, roster_key, added FROM settled
)
INSERT INTO roster_staging
SELECT b.* FROM roster_batch AS b LEFT JOIN settled USING (line) WHERE settled.line IS NULL
"""


def _write_refused(path: Path, report: RosterReport) -> Path:
    """Write the refused rows as sent, with line and reason, to a temporary file beside `path`.

    mkstemp makes it readable by the owner only. Raises BadFile if the folder can't be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".refused-")
    except OSError as error:
        raise BadFile(
            _("The refused rows can't be written beside the file: %s. Nothing was changed.")
            % error.strerror
        ) from error
    with (
        os.fdopen(handle, "w", encoding=report.encoding, errors="replace", newline="") as file,
        open_pieces(path, [roster.LAYOUT], size=PIECE) as opened,
    ):
        # A corrected file may be the refused one of before: its line and reason are left out.
        own = [
            position
            for position, name in enumerate(opened.header)
            if name not in (REFUSED_LINE, REFUSED_REASON)
        ]
        names = [opened.header[position] for position in own]
        file.write(csv_line([*names, REFUSED_LINE, REFUSED_REASON]))
        rows = (row for piece in opened.pieces for row in piece.rows())
        for line, cells in rows:
            if line in report.refused:
                is_complete = len(cells) == len(opened.header)
                own_cells = [cells[position] for position in own] if is_complete else cells
                file.write(csv_line([*own_cells, line, report.refused[line]]))
        file.flush()
        os.fsync(file.fileno())
    return Path(temporary)


def remove_from_roster(*, roster_keys: list[str]) -> int:
    """Take people off the roster; returns how many were on it. Stored yes decisions stay."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE eligibility_person SET roster_key = NULL, roster_digest = NULL,"
            " source = 'declared' WHERE roster_key = ANY(%s)",
            [roster_keys],
        )
        removed: int = cursor.rowcount
        return removed
