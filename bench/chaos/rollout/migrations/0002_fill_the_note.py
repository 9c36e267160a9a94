"""Fill in batches, each a transaction of its own."""

from django.db import migrations

BATCH = 500
FILL = """
UPDATE booking_slot SET chaos_note = '' WHERE id IN (
    SELECT id FROM booking_slot WHERE chaos_note IS NULL ORDER BY id LIMIT %s
    FOR NO KEY UPDATE SKIP LOCKED
)
"""


def fill(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        left = True
        while left:
            cursor.execute(FILL, [BATCH])
            cursor.execute("SELECT EXISTS (SELECT FROM booking_slot WHERE chaos_note IS NULL)")
            (left,) = cursor.fetchone()


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("rollout", "0001_note_of_a_slot")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
