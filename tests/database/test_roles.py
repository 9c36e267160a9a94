"""The application's account: what it may not do is refused by the database, whoever asks."""

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from database import roles
from privacy.rotation import encrypted_columns
from tests.factories import ReservationFactory, RoomFactory
from tests.roles import ROLE, as_owner

pytestmark = pytest.mark.django_db

REFUSED = {
    "make a table": "CREATE TABLE mine (number int)",
    "make a function": "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "make a sequence": "CREATE SEQUENCE mine",
    "make a schema": "CREATE SCHEMA mine",
    "change a table": "ALTER TABLE booking_slot ADD COLUMN mine int",
    "drop a table": "DROP TABLE booking_slot",
    "drop an index": "DROP INDEX one_ticket_per_person",
    "empty a table": "TRUNCATE booking_slot CASCADE",
    "empty an append-only table": "TRUNCATE staff_access CASCADE",
    "drop a constraint": "ALTER TABLE booking_slot DROP CONSTRAINT slot_never_overbooked",
    "switch a trigger off": "ALTER TABLE booking_reservation DISABLE TRIGGER ALL",
    "switch all triggers off": "SET session_replication_role = replica",
    "replace a function": "CREATE OR REPLACE FUNCTION waiting_room_make_entries(bigint)"
    " RETURNS void LANGUAGE sql AS ''",
    "put a trigger on": "CREATE TRIGGER mine BEFORE INSERT ON booking_slot FOR EACH ROW"
    " EXECUTE FUNCTION jari_contexts_stay()",
    "change a look at personal data": "UPDATE staff_access SET act = 'list'",
    "remove a look at personal data": "DELETE FROM staff_access",
    "remove who was seen together": "DELETE FROM staff_peopleset",
    "change a step of the log": "UPDATE waiting_room_step SET at = at",
    "remove a step of the log": "DELETE FROM waiting_room_step",
    "remove a page of the log": "DELETE FROM waiting_room_logpage",
    "remove a ticket": "DELETE FROM waiting_room_ticket",
    "change a place": "UPDATE waiting_room_ticket SET entry = 1",
    "give a place to another": "UPDATE waiting_room_ticket SET person_id = 1",
    "change a commitment": "UPDATE waiting_room_room SET draw_commitment = ''",
    "remove a reservation": "DELETE FROM booking_reservation",
    "change a history": "UPDATE booking_reservationevent SET status = 'held'",
    "remove a history": "DELETE FROM booking_reservationevent",
    "remove who acted": "DELETE FROM pghistory_context",
    "change what staff did": "UPDATE django_admin_log SET change_message = ''",
    "give itself a right": "INSERT INTO staff_user_user_permissions (user_id, permission_id)"
    " VALUES (1, 1)",
    "forget a migration": "DELETE FROM django_migrations",
    "read a file of the server": "SELECT pg_read_file('postgresql.conf')",
    "run a program": "COPY booking_slot TO PROGRAM 'true'",
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_application_may_not(what):
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner of"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(REFUSED[what])


def test_numbers_of_a_line_are_drawn_and_never_set_back():
    room = RoomFactory()

    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s)", [room.entry_sequence])
        drawn = cursor.fetchone()
    with (
        pytest.raises(ProgrammingError, match="permission denied for sequence"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT setval(%s, 1)", [room.entry_sequence])

    assert drawn == (1,)


def test_the_owner_makes_numbers_for_a_room_once_and_for_no_other():
    room = RoomFactory()

    for room_id, refusal in [(room.pk, "already exists"), (room.pk + 1, "there is no room")]:
        with pytest.raises(Exception, match=refusal), transaction.atomic():
            connection.cursor().execute("SELECT waiting_room_make_entries(%s)", [room_id])


def test_a_table_of_the_callers_own_is_not_taken_for_the_rooms():
    """What the owner's function reads is named with its schema, whatever stands before it."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE waiting_room_room (id bigint) ON COMMIT DROP")
        cursor.execute("INSERT INTO waiting_room_room VALUES (424242)")
        with pytest.raises(Exception, match="there is no room 424242"), transaction.atomic():
            cursor.execute("SELECT waiting_room_make_entries(424242)")


IGNORE = "SET LOCAL pgtrigger.ignore = '{%s}'"


def test_only_the_owner_can_tell_a_trigger_to_do_nothing():
    reservation = ReservationFactory()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(tgname, ',') FROM pg_trigger"
            " WHERE tgrelid = 'booking_reservation'::regclass AND NOT tgisinternal"
        )
        [names] = cursor.fetchone()

        def move() -> None:
            cursor.execute(IGNORE % names)
            cursor.execute("UPDATE booking_reservation SET status = 'lapsed'")

        with pytest.raises(ProgrammingError, match="Invalid transition"), transaction.atomic():
            move()
        with as_owner():
            move()

    reservation.refresh_from_db()
    assert reservation.status == "lapsed"


def test_who_acted_is_history_an_hour_later():
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO pghistory_context (id, created_at, updated_at, metadata) VALUES"
            " (gen_random_uuid(), now() - interval '61 minutes', now(), '{}'),"
            " (gen_random_uuid(), now() - interval '59 minutes', now(), '{}')"
        )
    with connection.cursor() as cursor:
        with pytest.raises(Exception, match="never changes"), transaction.atomic():
            cursor.execute("UPDATE pghistory_context SET metadata = '{}'")
        cursor.execute(
            "UPDATE pghistory_context SET metadata = '{}'"
            " WHERE created_at > now() - interval '1 hour'"
        )
        assert cursor.rowcount == 1


def test_the_tables_in_the_file_are_those_of_the_database():
    with connection.cursor() as cursor:
        cursor.execute(roles._TABLES)
        existing = {name for (name,) in cursor.fetchall()}

    assert existing - {"test_clock"} == roles.tables().keys()


def test_what_is_encrypted_can_be_encrypted_anew():
    """By `rotate_keys`, which goes through every encrypted column."""
    for model, field in encrypted_columns():
        table, column = model._meta.db_table, str(field.column)
        allowed = {roles.Grant(table, "UPDATE"), roles.Grant(table, "UPDATE", column)}
        assert allowed & roles.tables()[table], f"{table}.{column}"


def test_the_account_has_what_the_file_says_and_no_more():
    with connection.cursor() as cursor:
        more = [line for line in roles.surplus(cursor) if not line.endswith("test_clock")]
    with as_owner(), connection.cursor() as cursor:
        assert roles.surplus(cursor) == ["jari is a superuser"]
        missing = [line.as_string(cursor.connection) for line in roles.missing(cursor, ROLE)]

    assert more == []
    # The clock of the tests.
    assert [line for line in missing if "test_clock" not in line] == []


DRIFT = f"""
GRANT DELETE ON staff_access TO {ROLE};
GRANT UPDATE (entry) ON waiting_room_ticket TO {ROLE};
GRANT UPDATE ON waiting_room_drawofficer TO {ROLE};
REVOKE INSERT ON booking_slot FROM {ROLE};
GRANT EXECUTE ON FUNCTION waiting_room_make_entries TO PUBLIC;
REVOKE EXECUTE ON FUNCTION jari_clock FROM {ROLE};
CREATE TABLE forgotten (number int);
GRANT SELECT ON forgotten TO {ROLE};
"""


def test_what_drifted_is_named_and_put_right(capsys):
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(DRIFT)

        with pytest.raises(CommandError) as found:
            call_command("database_roles", "--check")
        call_command("database_roles")
        call_command("database_roles")
        left = roles.missing(cursor, ROLE)

    _heading, *lines = str(found.value).splitlines()
    assert [line for line in lines if "test_clock" not in line] == [
        'REVOKE SELECT ON "public"."forgotten" FROM "jari_app"',
        'REVOKE DELETE ON "public"."staff_access" FROM "jari_app"',
        'REVOKE UPDATE ON "public"."waiting_room_drawofficer" FROM "jari_app"',
        'REVOKE UPDATE (entry) ON "public"."waiting_room_ticket" FROM "jari_app"',
        'GRANT INSERT ON "public"."booking_slot" TO "jari_app"',
        'GRANT UPDATE (secret) ON "public"."waiting_room_drawofficer" TO "jari_app"',
        'GRANT EXECUTE ON FUNCTION jari_clock() TO "jari_app"',
        'GRANT EXECUTE ON FUNCTION waiting_room_make_entries(bigint) TO "jari_app"',
        "REVOKE EXECUTE ON FUNCTION waiting_room_make_entries(bigint) FROM PUBLIC",
    ]
    assert left == []
