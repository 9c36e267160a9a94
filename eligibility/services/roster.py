"""Imports a roster of any size in one transaction.

Several processes check, encrypt and hash pieces of the file. Their packed rows are copied into
Postgres batch by batch: new people are inserted at once, unchanged ones are noted, and the rest
(changed, double, stored under another key) is staged and settled in SQL at the end of the file.
Unchanged rows are not touched, so people who are booking are not locked.
"""

import multiprocessing
import os
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
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
    csv_line,
    open_pieces,
)
from eligibility import roster
from eligibility.indexes import identity_index
from privacy.cipher import decrypt

PIECE = 2000  # lines that one process packs at a time
BATCH = 20  # pieces that are copied into Postgres at a time
_AHEAD = 2 * BATCH  # pieces in memory at most
_IMPORT_LOCK = 7_003_001  # number of the advisory lock: one import at a time


@dataclass
class RosterReport:
    """Counts of an import; `refused` is line number → reason."""

    encoding: str
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    refused_path: Path | None = None


class RosterRefused(Exception):
    """Some rows were refused and `skip_refused` was off: nothing was changed."""

    def __init__(self, report: RosterReport):
        super().__init__(report)
        self.report = report


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
) -> RosterReport:
    """Add and change the people of a roster file; nobody is removed (see `remove_from_roster`).

    `progress` is called with (lines read, lines). Raises BadFile or RosterRefused, which change
    nothing.
    """
    total = _count_lines(path)
    processes = processes or (os.cpu_count() or 1)
    if total <= PIECE:
        processes = 1  # starting processes would take longer than the work
    with (
        open_pieces(path, [roster.LAYOUT], size=PIECE) as opened,
        _packers(processes) as pack,
    ):
        report = RosterReport(encoding=opened.encoding)
        with transaction.atomic(), connection.cursor() as cursor:
            _lock_imports(cursor)
            cursor.execute(_TABLES)
            state = _load_batches(cursor, opened, pack, report, lambda done: progress(done, total))
            if not state.rows:
                raise BadFile(_("There is no row below the first line."))
            if not state.all_new:
                _refuse_doubles(cursor, report)
            if report.refused and not skip_refused:
                raise RosterRefused(report)
            if state.all_new:
                report.added = state.rows - len(report.refused)
            else:
                _settle(cursor, report, absent_columns(opened.header, roster.LAYOUT))
            # Written before the commit, so that a full disk rolls the import back; renamed after
            # it, so that the file never tells of an import that failed.
            temporary = _write_refused(path, report) if report.refused else None
        if temporary:
            report.refused_path = path.with_name(f"{path.name}.refused.csv")
            os.replace(temporary, report.refused_path)
    progress(total, total)
    return report


def _count_lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    except OSError as error:
        raise BadFile(_("The file can't be opened: %s.") % (error.strerror or error)) from error


# Packs a piece of the file (roster.pack), in this or another process.
Pack = Callable[..., Future[Any]]


def _lock_imports(cursor: CursorWrapper) -> None:
    """Take the lock of imports until the end of the transaction; BadFile if another holds it."""
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_IMPORT_LOCK])
    if not cursor.fetchone()[0]:
        raise BadFile(_("Another roster is being imported. Try again when it is done."))
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

_INSERT_PERSON = """
INSERT INTO eligibility_person (
    roster_key, roster_digest, source, name, birth_date, phone, region, district, groups,
    last_dose_on, identity_index, name_birth_index, phone_index, created_at
)
"""

# The highest id given out so far: people with a higher one were inserted by the next statement.
_LAST_ID = """
SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('eligibility_person', 'id')), 0)
"""

_ADD_BATCH = f"""
{_INSERT_PERSON}
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

# Checks between rows

# Lines with the key of an earlier line, with that line. roster_done has the lines settled already.
_SAME_KEY = """
WITH rows AS (
    SELECT line, roster_key FROM roster_done UNION ALL SELECT line, roster_key FROM roster_staging
)
SELECT rows.line, first.line FROM rows JOIN (
    SELECT roster_key, min(line) AS line FROM rows GROUP BY roster_key HAVING count(*) > 1
) AS first USING (roster_key)
WHERE rows.line > first.line
"""

# Rows that differ from the stored person. `moved`: name, birth date or phone differ, so that the
# row needs an identity_index that nobody else has.
_TODO = """
CREATE TEMPORARY TABLE roster_todo ON COMMIT DROP AS
SELECT s.line, p.id AS person_id, s.identity_index,
    p.id IS NULL OR p.name_birth_index <> s.name_birth_index OR p.phone_index <> s.phone_index
        AS moved,
    NULL::bigint AS adopts
FROM roster_staging AS s LEFT JOIN eligibility_person AS p ON p.roster_key = s.roster_key
WHERE p.id IS NULL OR p.roster_digest IS DISTINCT FROM s.roster_digest
"""

# A person who declared themselves before the roster had them: the row takes over that person.
_ADOPT = """
UPDATE roster_todo AS t SET adopts = p.id FROM eligibility_person AS p
WHERE t.moved AND p.identity_index = t.identity_index AND p.roster_key IS NULL
"""

# Rows that share name, birth date and phone with another row, or with a stored person who keeps
# them. The last column is the line of this file that brought the stored person, if one did.
_TWINS = """
WITH stays AS (
    SELECT p.id, p.identity_index, p.district, p.roster_key
    FROM roster_todo AS t JOIN eligibility_person AS p ON p.identity_index = t.identity_index
    LEFT JOIN roster_todo AS own ON own.person_id = p.id AND own.moved
    WHERE t.moved AND p.roster_key IS NOT NULL AND own.line IS NULL
), doubled AS (
    SELECT identity_index FROM roster_todo WHERE moved GROUP BY 1 HAVING count(*) > 1
    UNION
    SELECT identity_index FROM stays
)
SELECT DISTINCT ON (t.line) t.line, s.name, s.birth_date, s.phone, s.district, t.identity_index,
    stays.id, stays.district, done.line
FROM doubled JOIN roster_todo AS t USING (identity_index)
JOIN roster_staging AS s USING (line)
LEFT JOIN stays ON stays.identity_index = t.identity_index
LEFT JOIN roster_done AS done ON done.roster_key = stays.roster_key AND done.added
WHERE t.moved ORDER BY t.line
"""


def _refuse_doubles(cursor: CursorWrapper, report: RosterReport) -> None:
    """Refuse repeated keys and indistinguishable people; prepares roster_todo for `_settle`."""
    # Autovacuum does not analyze temporary tables; without it the planner guesses row counts.
    cursor.execute("ANALYZE roster_staging")
    cursor.execute(_SAME_KEY)
    doubles = dict(cursor.fetchall())
    for line, first in doubles.items():
        report.refused[line] = _("the same as line %(line)s.") % {"line": first}
    _drop_lines(cursor, list(doubles))
    cursor.execute(_TODO)
    cursor.execute("ANALYZE roster_todo")
    cursor.execute(_TWINS)
    _separate_twins(cursor, cursor.fetchall(), report)
    cursor.execute(_ADOPT)


def _drop_lines(cursor: CursorWrapper, lines: list[int]) -> None:
    if not lines:
        return
    cursor.execute("DELETE FROM roster_staging WHERE line = ANY(%s)", [lines])
    # A later line may have been inserted already, before an earlier one of its key was settled.
    cursor.execute(
        """
        WITH dropped AS (
            DELETE FROM roster_done WHERE line = ANY(%s) RETURNING roster_key, added
        )
        DELETE FROM eligibility_person AS p USING dropped
        WHERE dropped.added AND p.roster_key = dropped.roster_key
        """,
        [lines],
    )


def _separate_twins(
    cursor: CursorWrapper, rows: list[tuple[Any, ...]], report: RosterReport
) -> None:
    """Give people who share name, birth date and phone an index with their district, or refuse
    them where the district is the same or missing."""
    # identity index → district → line of the file, or None for a stored person
    holders: dict[bytes, dict[str, int | None]] = {}
    own_indexes: dict[int, bytes] = {}
    refused: list[int] = []
    for line, name, birth, phone, district, index, holder, holder_district, done_line in rows:
        index = bytes(index)
        if index not in holders:
            holders[index] = {holder_district: done_line} if holder else {district: line}
            if holder is None:
                continue  # the first of them keeps the index without a district
        own = _index_with_district(name, birth, phone, district)
        cursor.execute("SELECT FROM eligibility_person WHERE identity_index = %s", [own])
        if district and district not in holders[index] and cursor.rowcount == 0:
            holders[index][district] = line
            own_indexes[line] = own
            continue
        report.refused[line] = _same_person_as(next(iter(holders[index].values())))
        refused.append(line)
    _drop_lines(cursor, refused)
    cursor.execute("DELETE FROM roster_todo WHERE line = ANY(%s)", [refused])
    cursor.execute(
        "UPDATE roster_todo AS t SET identity_index = new.value"
        " FROM unnest(%s::integer[], %s::bytea[]) AS new (line, value) WHERE t.line = new.line",
        [list(own_indexes), list(own_indexes.values())],
    )


def _index_with_district(name: bytes, birth: bytes, phone: bytes, district: str) -> bytes:
    return identity_index(
        decrypt(name, context=roster.NAME),
        date.fromisoformat(decrypt(birth, context=roster.BIRTH)),
        decrypt(phone, context=roster.PHONE),
        district,
    )


def _same_person_as(line: int | None) -> str:
    if line is None:
        return _("this person is on the roster under another key.")
    return _("the same person as line %(line)s; only another district would tell them apart.") % {
        "line": line
    }


# Writing

# Frees unique values before _CHANGE writes them. A person whose key goes to a declared person (see
# _ADOPT) gives it up. People who swap details get random indexes first: Postgres checks a unique
# index row by row, not at the end of the statement.
_STEP_ASIDE = [
    """
    UPDATE eligibility_person AS p
    SET roster_key = NULL, roster_digest = NULL, source = 'declared'
    FROM roster_todo AS t WHERE t.person_id = p.id AND t.adopts IS NOT NULL
    """,
    """
    UPDATE eligibility_person AS p SET identity_index = uuid_send(gen_random_uuid())
    FROM roster_todo AS t, roster_todo AS other
    WHERE t.person_id = p.id AND t.moved AND t.adopts IS NULL
        AND other.identity_index = p.identity_index AND other.line <> t.line
    """,
]

# An optional column that the file does not have stays as it is stored.
_CHANGE = """
UPDATE eligibility_person AS p SET
    roster_key = s.roster_key, roster_digest = s.roster_digest, source = 'roster',
    name = s.name, birth_date = s.birth_date, phone = s.phone, region = s.region,
    district = CASE WHEN 'district' = ANY(%(absent)s) THEN p.district ELSE s.district END,
    groups = CASE WHEN 'groups' = ANY(%(absent)s) THEN p.groups
        ELSE string_to_array(s.groups, ';') END,
    last_dose_on = CASE WHEN 'last_dose_on' = ANY(%(absent)s) THEN p.last_dose_on
        ELSE s.last_dose_on END,
    name_birth_index = s.name_birth_index, phone_index = s.phone_index,
    identity_index = CASE WHEN t.moved THEN t.identity_index ELSE p.identity_index END
FROM roster_todo AS t JOIN roster_staging AS s USING (line)
WHERE p.id = coalesce(t.adopts, t.person_id)
"""

# On conflict: the person declared themselves while the file was being read.
_ADD = f"""
{_INSERT_PERSON}
SELECT s.roster_key, s.roster_digest, 'roster', s.name, s.birth_date, s.phone, s.region,
    s.district, string_to_array(s.groups, ';'), s.last_dose_on, t.identity_index,
    s.name_birth_index, s.phone_index, jari_now()
FROM roster_todo AS t JOIN roster_staging AS s USING (line)
WHERE t.person_id IS NULL AND t.adopts IS NULL
ON CONFLICT (identity_index) DO UPDATE SET
    roster_key = excluded.roster_key, roster_digest = excluded.roster_digest,
    source = 'roster', name = excluded.name, region = excluded.region,
    district = excluded.district, groups = excluded.groups,
    last_dose_on = excluded.last_dose_on
WHERE eligibility_person.roster_key IS NULL
"""  # noqa: S608 - constants only


def _settle(cursor: CursorWrapper, report: RosterReport, absent: frozenset[str]) -> None:
    """Write the changes of roster_todo and complete the report; BadFile after a concurrent change.

    `absent`: optional columns that the file does not have.
    """
    cursor.execute(
        "SELECT count(*) FILTER (WHERE added), count(*) FILTER (WHERE NOT added) FROM roster_done"
    )
    done_added, report.unchanged = cursor.fetchone()
    cursor.execute(
        "SELECT count(*) FILTER (WHERE person_id IS NULL), count(person_id) FROM roster_todo"
    )
    added, report.changed = cursor.fetchone()
    report.added = done_added + added
    for statement in _STEP_ASIDE:
        cursor.execute(statement)
    cursor.execute(_CHANGE, {"absent": sorted(absent)})
    written = cursor.rowcount
    cursor.execute(_ADD)
    written += cursor.rowcount
    # Fewer rows: a person was changed or adopted in another transaction since _TODO was computed.
    if written != added + report.changed:
        raise BadFile(_("Somebody changed the same people meanwhile. Import the file again."))


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
