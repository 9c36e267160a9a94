"""What the linter of migrations refuses, and that the rule book says the same."""

import inspect
import re

import pytest
from django.conf import settings
from django.db.migrations import Migration

from launcher import migrations

ALTER = 'ALTER TABLE "booking_slot"'


def test_new_migrations_stop_nobody():
    assert migrations.findings() == []


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("require-concurrent-index-creation", 'CREATE INDEX "i" ON "booking_slot" ("code");'),
        ("require-concurrent-index-deletion", 'DROP INDEX "i";'),
        ("constraint-missing-not-valid", f'{ALTER} ADD CONSTRAINT "c" CHECK ("booked" > 0);'),
        (
            "adding-foreign-key-constraint",
            f'{ALTER} ADD COLUMN "vaccine_id" bigint REFERENCES "booking_vaccine" ("id");',
        ),
        ("disallowed-unique-constraint", f'{ALTER} ADD CONSTRAINT "u" UNIQUE ("code");'),
        ("adding-not-nullable-field", f'{ALTER} ALTER COLUMN "code" SET NOT NULL;'),
        ("adding-required-field", f'{ALTER} ADD COLUMN "code" integer NOT NULL;'),
        # The version before writes rows without the new column.
        ("ban-drop-default", f'{ALTER} ALTER COLUMN "code" DROP DEFAULT;'),
        ("changing-column-type", f'{ALTER} ALTER COLUMN "code" TYPE text;'),
        ("renaming-column", f'{ALTER} RENAME COLUMN "a" TO "b";'),
        ("renaming-table", f'{ALTER} RENAME TO "b";'),
        ("ban-drop-column", f'{ALTER} DROP COLUMN "code" CASCADE;'),
        ("ban-drop-table", 'DROP TABLE "booking_slot" CASCADE;'),
    ],
)
def test_what_locks_a_table_or_breaks_the_version_before_is_found(rule, sql):
    found = [name for name, _message in migrations.problems_in(f"BEGIN;\n{sql}\nCOMMIT;")]
    guide = (settings.BASE_DIR / "docs" / "developing.md").read_text()

    assert rule in found
    assert f"`{rule}`" in guide


def test_the_steps_of_the_rule_book_are_let_through():
    steps = [
        f'{ALTER} ADD COLUMN "code" varchar(8) NULL;',
        f"{ALTER} ADD COLUMN \"kind\" varchar(8) DEFAULT 'a' NOT NULL;",
        'CREATE INDEX CONCURRENTLY "i" ON "booking_slot" ("code");',
        f'{ALTER} ADD CONSTRAINT "c" CHECK ("code" IS NOT NULL) NOT VALID;',
        f'{ALTER} VALIDATE CONSTRAINT "c";',
    ]

    assert [migrations.problems_in(step) for step in steps] == [[]] * len(steps)


def test_python_fills_in_batches():
    sql = f"--\n-- Raw Python operation\n--\n-- {migrations.BY_PYTHON}"

    in_one = migrations.problems_in(f"BEGIN;\n{sql}\nCOMMIT;\n")

    assert [rule for rule, _message in in_one] == [migrations.FILL_IN_BATCHES]
    assert migrations.problems_in(sql) == []
    # In Django's words.
    assert migrations.BY_PYTHON in inspect.getsource(Migration)


def test_what_is_left_out_and_excepted_has_its_reason():
    guide = (settings.BASE_DIR / "docs" / "developing.md").read_text()

    assert all(re.search(r"\w{3}", why) for why in migrations.exceptions().values())
    assert [rule for rule in migrations.LEFT_OUT if f"`{rule}`" not in guide] == []
