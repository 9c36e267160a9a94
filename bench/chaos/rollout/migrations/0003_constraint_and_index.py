"""No lock that waits: the constraint is validated, and the index built, beside what goes on."""

from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("rollout", "0002_fill_the_note")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE booking_slot ADD CONSTRAINT chaos_note_is_there"
            " CHECK (chaos_note IS NOT NULL) NOT VALID",
            "ALTER TABLE booking_slot DROP CONSTRAINT chaos_note_is_there",
        ),
        migrations.RunSQL(
            "ALTER TABLE booking_slot VALIDATE CONSTRAINT chaos_note_is_there",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY chaos_note_of_slot ON booking_slot (chaos_note)",
            "DROP INDEX CONCURRENTLY chaos_note_of_slot",
        ),
    ]
