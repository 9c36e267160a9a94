"""A roster of any size, in one transaction.

The file is cut into pieces whose rows several processes check, encrypt and hash. Meanwhile the
sealed rows are copied into Postgres, batch by batch: who is new goes in at once, who is unchanged
is noted, and the rest (changed, double, known under another key) is set aside and settled in SQL
when the whole file is known. People who are booking are never locked: a row that does not change
is not touched.
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

PIECE = 2000  # lines that one process seals at a time
BATCH = 20  # pieces that go into Postgres at a time
_AHEAD = 2 * BATCH  # pieces in memory at most
_ONE_AT_A_TIME = 7_003_001  # number of the advisory lock


@dataclass
class RosterReport:
    """What an import did; `refused` is line → reason."""

    encoding: str
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    refused_path: Path | None = None


class RosterRefused(Exception):
    """Some rows were refused, and the good ones were not asked for: nothing was changed."""

    def __init__(self, report: RosterReport):
        super().__init__(report)
        self.report = report


@dataclass
class _Taken:
    """How the rows came in so far."""

    rows: int = 0  # good or not
    all_new: bool = True  # nobody was known, and no key stood there twice
    mostly_new: bool = True  # in the last batch
    tries: int = 0
    failures: int = 0

    @property
    def may_hope(self) -> bool:
        """Whether to try a batch as if everybody in it were new, which is quickest.

        Each try is a subtransaction, and with more than 64 of them other people's reads would
        slow down. A few failures show that the file is not of that kind.
        """
        return self.mostly_new and self.tries < 50 and self.failures < 3


def import_roster(
    path: Path,
    *,
    skip_refused: bool = False,
    processes: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RosterReport:
    """Add and change the people of a roster file; BadFile or RosterRefused change nothing.

    `progress` is told (lines read, lines). Nobody is removed: that is `remove_from_roster`.
    """
    total = _count_lines(path)
    processes = processes or (os.cpu_count() or 1)
    if total <= PIECE:
        processes = 1
    with (
        open_pieces(path, [roster.LAYOUT], size=PIECE) as opened,
        _sealers(processes) as seal,
    ):
        report = RosterReport(encoding=opened.encoding)
        with transaction.atomic(), connection.cursor() as cursor:
            _take_turn(cursor)
            cursor.execute(_TABLES)
            taken = _take_in(cursor, opened, seal, report, lambda done: progress(done, total))
            if not taken.rows:
                raise BadFile(_("There is no row below the first line."))
            if not taken.all_new:
                _refuse_doubles(cursor, report)
            if report.refused and not skip_refused:
                raise RosterRefused(report)
            if taken.all_new:
                report.added = taken.rows - len(report.refused)
            else:
                _settle(cursor, report, absent_columns(opened.header, roster.LAYOUT))
            aside = _write_refused(path, report) if report.refused else None
        if aside:
            report.refused_path = path.with_name(f"{path.name}.refused.csv")
            os.replace(aside, report.refused_path)
    progress(total, total)
    return report


def _count_lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    except OSError as error:
        raise BadFile(_("The file can't be opened: %s.") % (error.strerror or error)) from error


# Seals a piece of the file: here, or in another process.
Seal = Callable[..., Future[Any]]


def _take_turn(cursor: CursorWrapper) -> None:
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
    if not cursor.fetchone()[0]:
        raise BadFile(_("Another roster is being imported. Try again when it is done."))
    cursor.execute("SET LOCAL work_mem = '32MB'")


# Reading and sealing


@contextmanager
def _sealers(processes: int) -> Iterator[Seal]:
    """A function that seals a piece of the file somewhere, and gives a Future of it."""
    if processes == 1:
        yield _sealed_here
        return
    # Forking is quickest; elsewhere than on Linux a forked process is not safe to use.
    method = "fork" if sys.platform == "linux" else "spawn"
    with ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context(method),
        initializer=_start_sealing,
        initargs=(translation.get_language(),),
    ) as pool:
        yield lambda *arguments: pool.submit(roster.pack, *arguments)


def _start_sealing(language: str) -> None:
    django.setup()
    translation.activate(language)


def _sealed_here(*arguments: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(roster.pack(*arguments))
    return future


def _take_in(
    cursor: CursorWrapper,
    opened: Pieces,
    seal: Seal,
    report: RosterReport,
    tell: Callable[..., None],
) -> _Taken:
    """Bring every good row into Postgres."""
    taken = _Taken()
    sealed = _in_order(opened, seal)
    while batch := list(islice(sealed, BATCH)):
        with cursor.copy(_COPY) as copy:
            copy.write(roster.COPY_HEADER)
            for packed, _line in batch:
                copy.write(packed.rows)
                report.refused.update(packed.refused)
                taken.rows += packed.count + len(packed.refused)
            copy.write(roster.COPY_END)
        good = sum(packed.count for packed, _line in batch)
        if not (taken.may_hope and _add_all(cursor, taken)):
            _sort_batch(cursor, good, taken)
        cursor.execute("TRUNCATE roster_batch")
        tell(batch[-1][1])
    return taken


def _add_all(cursor: CursorWrapper, taken: _Taken) -> bool:
    """Add a batch in which everybody is new; if somebody is not, change nothing."""
    taken.tries += 1
    try:
        with transaction.atomic():
            cursor.execute(_ADD_BATCH)
            cursor.execute(_NOTE_BATCH)
    except IntegrityError:
        taken.failures += 1
        return False
    return True


def _sort_batch(cursor: CursorWrapper, count: int, taken: _Taken) -> None:
    """Add who is new, note who is unchanged, set the rest aside.

    Where most people are known, none is added at once: nearly all would be tried in vain.
    """
    cursor.execute(_LAST_ID)
    before, added = cursor.fetchone()[0], 0
    if taken.mostly_new:
        cursor.execute(f"{_ADD_BATCH} ON CONFLICT DO NOTHING")
        added = cursor.rowcount
    if added == count:
        cursor.execute(_NOTE_BATCH)
        return
    cursor.execute(_SORT_BATCH, [before])
    taken.mostly_new = (added if taken.mostly_new else cursor.rowcount) * 2 > count
    taken.all_new = False


def _in_order(opened: Pieces, seal: Seal) -> Iterator[tuple[roster.Packed, int]]:
    """Sealed pieces in the order of the file; only so many are ahead of what Postgres took."""
    waiting: deque[tuple[Future[Any], int]] = deque()
    for piece in opened.pieces:
        waiting.append((seal(opened.header, piece), piece.first_line))
        if len(waiting) > _AHEAD:
            future, line = waiting.popleft()
            yield future.result(), line
    for future, line in waiting:
        yield future.result(), line


_COPY = f"COPY roster_batch ({', '.join(roster.STAGED)}) FROM STDIN (FORMAT BINARY)"

# Dropped first for whoever imports twice in one transaction.
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

# A row that is stored as it stands here was added just now, if its number is new (nobody else
# gives out roster keys), or is unchanged. All other rows are set aside.
# LIMIT 1 makes it an index look-up for each row, however large the table is.
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

# What must hold between rows

_SAME_KEY = """
WITH rows AS (
    SELECT line, roster_key FROM roster_done UNION ALL SELECT line, roster_key FROM roster_staging
)
SELECT rows.line, first.line FROM rows JOIN (
    SELECT roster_key, min(line) AS line FROM rows GROUP BY roster_key HAVING count(*) > 1
) AS first USING (roster_key)
WHERE rows.line > first.line
"""

# Rows that differ from what is stored. `moved`: they need an identity of their own.
_TODO = """
CREATE TEMPORARY TABLE roster_todo ON COMMIT DROP AS
SELECT s.line, p.id AS person_id, s.identity_index,
    p.id IS NULL OR p.name_birth_index <> s.name_birth_index OR p.phone_index <> s.phone_index
        AS moved,
    NULL::bigint AS adopts
FROM roster_staging AS s LEFT JOIN eligibility_person AS p ON p.roster_key = s.roster_key
WHERE p.id IS NULL OR p.roster_digest IS DISTINCT FROM s.roster_digest
"""

# Somebody who signed in before the roster knew them: the row becomes theirs.
_ADOPT = """
UPDATE roster_todo AS t SET adopts = p.id FROM eligibility_person AS p
WHERE t.moved AND p.identity_index = t.identity_index AND p.roster_key IS NULL
"""

# More than one row for one name, birth date and phone: in the file, or with somebody stored
# who keeps theirs. The last column is the line that holds it, if this file brought it.
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
    cursor.execute("ANALYZE roster_staging")
    cursor.execute(_SAME_KEY)
    doubles = dict(cursor.fetchall())
    for line, first in doubles.items():
        report.refused[line] = _("the same as line %(line)s.") % {"line": first}
    _drop_lines(cursor, list(doubles))
    cursor.execute(_TODO)
    cursor.execute("ANALYZE roster_todo")
    cursor.execute(_TWINS)
    _tell_twins_apart(cursor, cursor.fetchall(), report)
    cursor.execute(_ADOPT)


def _drop_lines(cursor: CursorWrapper, lines: list[int]) -> None:
    if not lines:
        return
    cursor.execute("DELETE FROM roster_staging WHERE line = ANY(%s)", [lines])
    # A later line may be in already, put there before an earlier one of its key was settled.
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


def _tell_twins_apart(
    cursor: CursorWrapper, rows: list[tuple[Any, ...]], report: RosterReport
) -> None:
    """Two people of one name, birth date and phone are told apart by district, or refused."""
    # index → district → line of the file, None for somebody stored
    taken: dict[bytes, dict[str, int | None]] = {}
    others: dict[int, bytes] = {}
    refused: list[int] = []
    for line, name, birth, phone, district, index, holder, holder_district, done_line in rows:
        index = bytes(index)
        if index not in taken:
            taken[index] = {holder_district: done_line} if holder else {district: line}
            if holder is None:
                continue
        other = _index_with_district(name, birth, phone, district)
        cursor.execute("SELECT FROM eligibility_person WHERE identity_index = %s", [other])
        if district and district not in taken[index] and cursor.rowcount == 0:
            taken[index][district] = line
            others[line] = other
            continue
        report.refused[line] = _same_person_as(next(iter(taken[index].values())))
        refused.append(line)
    _drop_lines(cursor, refused)
    cursor.execute("DELETE FROM roster_todo WHERE line = ANY(%s)", [refused])
    cursor.execute(
        "UPDATE roster_todo AS t SET identity_index = new.value"
        " FROM unnest(%s::integer[], %s::bytea[]) AS new (line, value) WHERE t.line = new.line",
        [list(others), list(others.values())],
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

# Whoever had the key gives it up to the one who signed in with the new details; people who
# change places with each other step aside first, since uniqueness is asked row by row.
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

# Each optional column is changed only if the file has it.
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

# The conflict: somebody signed in for the first time while the file was being read.
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
    if written != added + report.changed:
        raise BadFile(_("Somebody changed the same people meanwhile. Import the file again."))


def _write_refused(path: Path, report: RosterReport) -> Path:
    """The refused rows as sent, with line and reason after them; readable by the owner only."""
    try:
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".refused-")
    except OSError as error:
        raise BadFile(
            _("The refused rows can't be written beside the file: %s. Nothing was changed.")
            % error.strerror
        ) from error
    with (
        os.fdopen(handle, "w", encoding=report.encoding, errors="replace", newline="") as file,
        open_pieces(path, [roster.LAYOUT], size=PIECE) as opened,
    ):
        own = [
            place
            for place, name in enumerate(opened.header)
            if name not in (REFUSED_LINE, REFUSED_REASON)
        ]
        names = [opened.header[place] for place in own]
        file.write(csv_line([*names, REFUSED_LINE, REFUSED_REASON]))
        rows = (row for piece in opened.pieces for row in piece.rows())
        for line, cells in rows:
            if line in report.refused:
                whole = len(cells) == len(opened.header)
                kept = [cells[place] for place in own] if whole else cells
                file.write(csv_line([*kept, line, report.refused[line]]))
        file.flush()
        os.fsync(file.fileno())
    return Path(aside)


def remove_from_roster(*, roster_keys: list[str]) -> int:
    """Take people off the roster; how many were on it. Who was told yes keeps it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE eligibility_person SET roster_key = NULL, roster_digest = NULL,"
            " source = 'declared' WHERE roster_key = ANY(%s)",
            [roster_keys],
        )
        removed: int = cursor.rowcount
        return removed
