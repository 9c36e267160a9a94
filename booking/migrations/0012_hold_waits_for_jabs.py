"""Holding, once more: not while a dose given elsewhere to the same person is being written down.

The quick hold locks the slot and not the person, and had asked for such doses before it waited for
the slot: what was written down meanwhile was not seen, and its place was not freed either.
"""

from importlib import import_module

from django.db import migrations

before = import_module("booking.migrations.0008_hold_and_confirm_lighter")

BEGIN = "BEGIN\n"
# booking.services.places.JABS: shared by holds, alone for whoever writes down a dose.
WAIT = """\
    -- Whoever writes down a dose of this person is waited for, and waits for this.
    PERFORM pg_advisory_xact_lock_shared(1112162626, hashint8(_person));
"""
REPLACE = before.HOLD.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
HOLD = REPLACE.replace(BEGIN, BEGIN + WAIT, 1)


class Migration(migrations.Migration):
    dependencies = [("booking", "0011_vaccine_of_two_doses_has_an_interval")]

    operations = [migrations.RunSQL(HOLD, REPLACE)]
