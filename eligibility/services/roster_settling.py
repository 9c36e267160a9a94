"""Settles the rows of a roster that are not simply new or unchanged, in SQL at the end of a file.

They stand in the temporary tables of services.roster: roster_staging (rows to settle) and
roster_done (rows added or found unchanged).
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _

from dataio.csv_in import BadFile
from eligibility import roster
from eligibility.indexes import RANDOM_INDEX, identity_index
from privacy.cipher import decrypt

INSERT_PERSON = """
INSERT INTO eligibility_person (
    roster_key, roster_digest, source, name, birth_date, phone, region, district, groups,
    last_dose_on, identity_index, name_birth_index, phone_index, created_at
)
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


def refuse_doubles(cursor: CursorWrapper, refused: dict[int, str]) -> None:
    """Refuse repeated keys and indistinguishable people; prepares roster_todo for `settle`.

    `refused`: line → reason, which it adds to.
    """
    # Autovacuum does not analyze temporary tables; without it the planner guesses row counts.
    cursor.execute("ANALYZE roster_staging")
    cursor.execute(_SAME_KEY)
    doubles = dict(cursor.fetchall())
    for line, first in doubles.items():
        refused[line] = _("the same as line %(line)s.") % {"line": first}
    _drop_lines(cursor, list(doubles))
    cursor.execute(_TODO)
    cursor.execute("ANALYZE roster_todo")
    cursor.execute(_TWINS)
    _separate_twins(cursor, cursor.fetchall(), refused)
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
    cursor: CursorWrapper, rows: list[tuple[Any, ...]], refused: dict[int, str]
) -> None:
    """Give people who share name, birth date and phone an index with their district, or refuse
    them where the district is the same or missing."""
    # identity index → district → line of the file, or None for a stored person
    holders: dict[bytes, dict[str, int | None]] = {}
    own_indexes: dict[int, bytes] = {}
    dropped: list[int] = []
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
        refused[line] = _same_person_as(next(iter(holders[index].values())))
        dropped.append(line)
    _drop_lines(cursor, dropped)
    cursor.execute("DELETE FROM roster_todo WHERE line = ANY(%s)", [dropped])
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
    f"""
    UPDATE eligibility_person AS p SET identity_index = {RANDOM_INDEX}
    FROM roster_todo AS t, roster_todo AS other
    WHERE t.person_id = p.id AND t.moved AND t.adopts IS NULL
        AND other.identity_index = p.identity_index AND other.line <> t.line
    """,  # noqa: S608 - constants only
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
{INSERT_PERSON}
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


@dataclass(frozen=True)
class Settled:
    """How many people a file added, changed and left as they were."""

    added: int
    changed: int
    unchanged: int
    to_write: int  # people of roster_todo


# Names of what differs, and their conditions; last doses are encrypted and can't be compared here.
_DIFFERS = {
    "name_or_birth_date": "p.name_birth_index <> s.name_birth_index",
    "phone": "p.phone_index <> s.phone_index",
    "region": "p.region <> s.region",
    "district": "p.district <> s.district AND NOT 'district' = ANY(%(absent)s)",
    "groups": "p.groups::text[] <> string_to_array(s.groups, ';')"
    " AND NOT 'groups' = ANY(%(absent)s)",
}
_COUNT_FIELDS = f"""
SELECT {", ".join(f"count(*) FILTER (WHERE {differs})" for differs in _DIFFERS.values())}
FROM roster_todo AS t JOIN roster_staging AS s USING (line)
JOIN eligibility_person AS p ON p.id = t.person_id
"""  # noqa: S608 - constants only


def changed_fields(cursor: CursorWrapper, absent: frozenset[str]) -> dict[str, int]:
    """How many people of roster_todo get another value, by field."""
    cursor.execute(_COUNT_FIELDS, {"absent": sorted(absent)})
    return dict(zip(_DIFFERS, cursor.fetchone(), strict=True))


def digest_of_changes(cursor: CursorWrapper) -> str:
    """Equal for two runs only if the same lines change the same people."""
    cursor.execute(
        "SELECT coalesce(md5(string_agg(format('%s:%s', line, person_id), ',' ORDER BY line)), '')"
        " FROM roster_todo"
    )
    digest: str = cursor.fetchone()[0]
    return digest


def count(cursor: CursorWrapper) -> Settled:
    """What `settle` would do."""
    cursor.execute(
        "SELECT count(*) FILTER (WHERE added), count(*) FILTER (WHERE NOT added) FROM roster_done"
    )
    done_added, unchanged = cursor.fetchone()
    cursor.execute(
        "SELECT count(*) FILTER (WHERE person_id IS NULL), count(person_id) FROM roster_todo"
    )
    added, changed = cursor.fetchone()
    return Settled(done_added + added, changed, unchanged, to_write=added + changed)


def settle(cursor: CursorWrapper, absent: frozenset[str]) -> Settled:
    """Write the changes of roster_todo; BadFile after a concurrent change.

    `absent`: optional columns that the file does not have.
    """
    counts = count(cursor)
    for statement in _STEP_ASIDE:
        cursor.execute(statement)
    cursor.execute(_CHANGE, {"absent": sorted(absent)})
    written = cursor.rowcount
    cursor.execute(_ADD)
    written += cursor.rowcount
    # Fewer rows: a person was changed or adopted in another transaction since _TODO was computed.
    if written != counts.to_write:
        raise BadFile(_("Somebody changed the same people meanwhile. Import the file again."))
    return counts


# The way back (services.roster_undo)

# What Person and RosterChange both have; the columns that an import writes.
NOTED = (
    "roster_key", "roster_digest", "source", "name", "birth_date", "phone", "region", "district",
    "groups", "last_dose_on", "identity_index", "name_birth_index", "phone_index",
)  # fmt: skip
_OF_PERSON = ", ".join(f"p.{name}" for name in NOTED)

# Run before the people of roster_todo are changed. A person whose key goes to a declared person
# loses it (see _ADOPT): both are changed.
_NOTE_CHANGED = f"""
INSERT INTO eligibility_rosterchange (upload_id, person_id, added, digest, {", ".join(NOTED)})
SELECT %(upload)s, p.id, false, s.roster_digest, {_OF_PERSON}
FROM roster_todo AS t JOIN roster_staging AS s USING (line)
JOIN eligibility_person AS p ON p.id = coalesce(t.adopts, t.person_id)
UNION ALL
SELECT %(upload)s, p.id, false, NULL, {_OF_PERSON}
FROM roster_todo AS t JOIN eligibility_person AS p ON p.id = t.person_id
WHERE t.adopts IS NOT NULL
"""  # noqa: S608 - constants only
# On conflict: a new row may have taken over a person who had just lost their key (see _ADD).
_NOTE_ADDED = """
INSERT INTO eligibility_rosterchange (upload_id, person_id, added, digest)
SELECT %(upload)s, p.id, true, p.roster_digest
FROM {rows} JOIN eligibility_person AS p USING (roster_key) WHERE {is_added}
ON CONFLICT (person_id, upload_id) DO UPDATE SET digest = excluded.digest
"""
_NOTE_ADDED_AT_ONCE = _NOTE_ADDED.format(rows="roster_done", is_added="added")
_NOTE_ADDED_AT_END = _NOTE_ADDED.format(
    rows="roster_todo AS t JOIN roster_staging AS s USING (line)",
    is_added="t.person_id IS NULL AND t.adopts IS NULL",
)


def note_changed(cursor: CursorWrapper, upload_id: int) -> None:
    """Note the people of roster_todo as they are, before they are changed."""
    cursor.execute(_NOTE_CHANGED, {"upload": upload_id})


def note_added(cursor: CursorWrapper, upload_id: int, *, all_new: bool) -> None:
    """Note the people whom the import added; `all_new`: it needed no roster_todo."""
    cursor.execute(_NOTE_ADDED_AT_ONCE, {"upload": upload_id})
    if not all_new:
        cursor.execute(_NOTE_ADDED_AT_END, {"upload": upload_id})
