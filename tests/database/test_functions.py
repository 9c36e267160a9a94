"""What the database runs is what stands in the files, and both speak of the same statuses."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection, transaction

from booking.enums import LIVE, EntryStatus, OfferStatus, Origin, ReservationStatus
from booking.services.seats import OUTSIDE_DOSES_LOCK
from messaging.enums import Channel, MessageStatus
from tests.roles import as_owner
from waiting_room.enums import Ending

FILE = re.compile(r"(?P<name>\w+)_v(?P<version>\d+)\.sql")


def newest_files() -> dict[str, Path]:
    """The newest file of each function, by the function's name."""
    newest: dict[str, tuple[int, Path]] = {}
    for config in apps.get_app_configs():
        for path in sorted((Path(config.path) / "sql").glob("*.sql")):
            match = FILE.fullmatch(path.name)
            assert match, f"{path.name} is named otherwise than <name>_v<number>.sql"
            number = int(match["version"])
            newest[match["name"]] = max(newest.get(match["name"], (0, path)), (number, path))
    return {name: path for name, (_number, path) in newest.items()}


def statements_of(name: str) -> str:
    """The newest text without its comments."""
    return re.sub(r"--.*", "", newest_files()[name].read_text(encoding="utf-8"))


def definitions(name: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = %s", [name])
        return [row[0] for row in cursor.fetchall()]


# These two tell the time: tests put their own in their place.
CLOCKS = {"jari_now", "jari_clock"}


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(newest_files().keys() - CLOCKS))
def test_the_database_runs_the_newest_file_of_each_function(name):
    installed = definitions(name)

    with as_owner(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"ALTER FUNCTION {name} RENAME TO {name}_before")
        cursor.execute(newest_files()[name].read_text(encoding="utf-8"))
        written = definitions(name)
        transaction.set_rollback(True)

    assert len(installed) == 1
    assert written == installed


def quoted(name: str) -> set[str]:
    """Every text constant of a function but format strings and error codes."""
    return set(re.findall(r"'(\w+)'", statements_of(name)))


@pytest.mark.parametrize(
    ("name", "other_words"),
    [
        ("booking_hold_at_once", {"citizen"}),
        ("booking_confirm_at_once", {"citizen", "integrity_constraint_violation"}),
        ("booking_of_person", set()),
    ],
)
def test_sql_names_only_statuses_that_the_enums_have(name, other_words):
    words = {
        value
        for choices in (
            ReservationStatus, Origin, EntryStatus, OfferStatus, Channel, MessageStatus, Ending
        )
        for value in choices.values
    }  # fmt: skip

    assert quoted(name) <= words | other_words


def test_the_fast_hold_looks_for_the_live_statuses():
    [listed] = re.findall(r"status IN \(([^)]+)\)", statements_of("booking_hold_at_once"))

    assert listed.replace("'", "").split(", ") == [str(status) for status in LIVE]


def test_the_fast_hold_waits_under_the_lock_of_outside_doses():
    text = statements_of("booking_hold_at_once")

    assert re.findall(r"pg_advisory_xact_lock_shared\((\d+),", text) == [str(OUTSIDE_DOSES_LOCK)]
