"""Two accounts of the database: the owner makes and changes tables, the application uses them.

`grants.tsv` says what the application's account may do to each table; everything else it may not:
no DDL, no TRUNCATE, no trigger switched off, nothing changed in what is append-only. The owner
grants it at the end of each `migrate`, or by `manage.py database_roles`.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.db.backends.utils import CursorWrapper
from psycopg import sql

from database.functions import source_of

FILE = Path(__file__).with_name("grants.tsv")
_WORD = re.compile(r"(?P<kind>[A-Z]+)(?:\((?P<columns>[a-z_,]+)\))?")


@dataclass(frozen=True, order=True)
class Grant:
    """`kind` is SELECT, INSERT, UPDATE or DELETE; an empty `column` is the whole table."""

    table: str
    kind: str  # of a fixed form, as the columns (_WORD)
    column: str = ""

    def as_sql(self) -> sql.Composed:
        kind = sql.SQL(f"{self.kind} ({self.column})" if self.column else self.kind)
        return sql.SQL("{} ON {}").format(kind, sql.Identifier("public", self.table))


@cache
def tables() -> dict[str, frozenset[Grant]]:
    """What the application may do to each table that `grants.tsv` knows."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {row["table"]: frozenset(_grants(row["table"], row["may"])) for row in rows}


def _grants(table: str, words: str) -> Iterator[Grant]:
    for word in words.split():
        parsed = _WORD.fullmatch(word)
        if not parsed:
            raise ValueError(f"{FILE.name}: {word!r} of {table}")
        for column in (parsed["columns"] or "").split(","):
            yield Grant(table, parsed["kind"], column)


# Direct grants on tables and columns that exist, of the role asked for.
_GIVEN = """
WITH role AS (SELECT oid FROM pg_roles WHERE rolname = %(role)s)
SELECT class.relname, acl.privilege_type, ''
FROM role, pg_class AS class, aclexplode(class.relacl) AS acl
WHERE class.relnamespace = 'public'::regnamespace AND class.relkind IN ('r', 'p', 'v', 'm')
    AND acl.grantee = role.oid
UNION ALL
SELECT class.relname, acl.privilege_type, attribute.attname
FROM role, pg_class AS class JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid,
    aclexplode(attribute.attacl) AS acl
WHERE class.relnamespace = 'public'::regnamespace AND acl.grantee = role.oid
"""
_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
"""
# Of ours only: what an extension brought is not the owner's to grant.
_FUNCTIONS = """
SELECT oid::regprocedure::text, has_function_privilege('public', oid, 'EXECUTE'),
    has_function_privilege(%(role)s, oid, 'EXECUTE'), prorettype = 'trigger'::regtype
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    AND pg_has_role(current_user, proowner, 'USAGE')
    AND NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid
            AND deptype = 'e'
    )
ORDER BY 1
"""
_SEQUENCES = """
SELECT relname FROM pg_sequence JOIN pg_class ON oid = seqrelid
WHERE relnamespace = 'public'::regnamespace
    AND NOT has_sequence_privilege(%(role)s, seqrelid, 'USAGE')
ORDER BY 1
"""
_AROUND = """
SELECT has_schema_privilege('public', 'public', 'CREATE'),
    has_schema_privilege(%(role)s, 'public', 'USAGE'),
    has_database_privilege(%(role)s, current_database(), 'TEMPORARY')
        AND has_database_privilege(%(role)s, current_database(), 'CONNECT'),
    current_database(),
    EXISTS (
        SELECT FROM pg_default_acl, aclexplode(defaclacl) AS acl
        WHERE defaclrole = current_user::regrole AND defaclnamespace = 'public'::regnamespace
            AND defaclobjtype = 'S'
            AND acl.grantee = (SELECT oid FROM pg_roles WHERE rolname = %(role)s)
    )
"""
# All privileges of a role, however granted: as owner, by membership in a role, by PUBLIC.
_ABLE = """
SELECT class.relname, kind.kind
FROM pg_class AS class,
    unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS kind (kind)
WHERE class.relnamespace = 'public'::regnamespace AND class.relkind IN ('r', 'p')
    AND has_table_privilege(class.oid, kind.kind)
ORDER BY 1, 2
"""
_ATTRIBUTES = """
SELECT current_user::text, rolsuper, rolcreaterole, has_schema_privilege('public', 'CREATE')
FROM pg_roles WHERE rolname = current_user
"""


def exists(cursor: CursorWrapper, role: str) -> bool:
    cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
    return bool(cursor.rowcount)


def missing(cursor: CursorWrapper, role: str) -> list[sql.Composed]:
    """The statements by which the owner gives `role` exactly the privileges of `grants.tsv`.

    Only the difference: on a database that is in order nothing is run and no lock is taken.
    """
    return [*_on_tables(cursor, role), *_on_functions(cursor, role), *_around(cursor, role)]


def grant(cursor: CursorWrapper, role: str) -> int:
    """Run what is missing, as the owner; the number of statements."""
    cursor.execute(source_of("database", "_pgtrigger_should_ignore", 1))
    statements = missing(cursor, role)
    if statements:
        cursor.execute(sql.SQL(";\n").join(statements))
    return len(statements)


def surplus(cursor: CursorWrapper) -> list[str]:
    """Privileges of this connection's account that it should not have, as sentences."""
    cursor.execute(_ATTRIBUTES)
    role, is_super, makes_roles, creates = cursor.fetchone()
    if is_super:
        return [f"{role} is a superuser"]
    excess = [f"{role} may create roles"] if makes_roles else []
    excess += [f"{role} may create tables"] if creates else []
    cursor.execute(_ABLE)
    for table, kind in cursor.fetchall():
        if Grant(table, kind) not in tables().get(table, ()):
            excess.append(f"{role} may {kind} {table}")
    return excess


def _on_tables(cursor: CursorWrapper, role: str) -> Iterator[sql.Composed]:
    cursor.execute(_TABLES)
    existing = {name for (name,) in cursor.fetchall()}
    wanted = {privilege for table, of in tables().items() if table in existing for privilege in of}
    cursor.execute(_GIVEN, {"role": role})
    given = {Grant(*row) for row in cursor.fetchall()}
    name = sql.Identifier(role)
    for privilege in sorted(given - wanted):
        yield sql.SQL("REVOKE {} FROM {}").format(privilege.as_sql(), name)
    # Taking a table's privilege takes that of its columns too.
    of_whole_tables = {
        (privilege.table, privilege.kind) for privilege in given - wanted if not privilege.column
    }
    again = {
        privilege for privilege in wanted if (privilege.table, privilege.kind) in of_whole_tables
    }
    for privilege in sorted((wanted - given) | again):
        yield sql.SQL("GRANT {} TO {}").format(privilege.as_sql(), name)


def _on_functions(cursor: CursorWrapper, role: str) -> Iterator[sql.Composed]:
    cursor.execute(_FUNCTIONS, {"role": role})
    for name, for_all, for_role, is_trigger in cursor.fetchall():
        names = {"function": sql.SQL(name), "role": sql.Identifier(role)}
        # First its own, so that no call is refused meanwhile.
        if not is_trigger and (for_all or not for_role):
            yield sql.SQL("GRANT EXECUTE ON FUNCTION {function} TO {role}").format(**names)
        if for_all:
            yield sql.SQL("REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC").format(**names)


def _around(cursor: CursorWrapper, role: str) -> Iterator[sql.Composed]:
    name = sql.Identifier(role)
    cursor.execute(_SEQUENCES, {"role": role})
    for (sequence,) in cursor.fetchall():
        yield sql.SQL("GRANT USAGE ON SEQUENCE {} TO {}").format(
            sql.Identifier("public", sequence), name
        )
    cursor.execute(_AROUND, {"role": role})
    anybody_creates, uses, connects, database, later_sequences = cursor.fetchone()
    if anybody_creates:
        yield sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC").format()
    if not uses:
        yield sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name)
    if not connects:  # imports fill temporary tables
        yield sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(
            sql.Identifier(database), name
        )
    if not later_sequences:  # of rooms, which are opened while the portal runs
        yield sql.SQL(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {}"
        ).format(name)
