from django.db import migrations

# People called before this version have had their turn: only those called from now on are told.
FILL = """
UPDATE waiting_room_board SET alerted_upto = line.serving
FROM waiting_room_line AS line WHERE line.room_id = waiting_room_board.room_id
"""


class Migration(migrations.Migration):
    dependencies = [("waiting_room", "0009_told_by_default")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
