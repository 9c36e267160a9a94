"""Expand: a column of the table that every hold writes to; the code of before knows nothing of it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("booking", "0002_reservations")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE booking_slot ADD COLUMN chaos_note text",
            "ALTER TABLE booking_slot DROP COLUMN chaos_note",
        ),
        # Of new rows alone: those that are there are filled in the next file.
        migrations.RunSQL(
            "ALTER TABLE booking_slot ALTER COLUMN chaos_note SET DEFAULT ''",
            migrations.RunSQL.noop,
        ),
    ]
