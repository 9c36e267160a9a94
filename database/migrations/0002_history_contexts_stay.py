from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [
        ("database", "0001_clock"),
        ("pghistory", "0007_auto_20250421_0444"),
    ]

    operations = [
        install("database", "jari_contexts_stay", 1),
        # By the server's clock, as pghistory writes these times itself.
        migrations.RunSQL(
            """
            CREATE TRIGGER contexts_stay BEFORE UPDATE ON pghistory_context FOR EACH ROW
            WHEN (OLD.created_at < now() - interval '1 hour')
            EXECUTE FUNCTION jari_contexts_stay()
            """,
            "DROP TRIGGER contexts_stay ON pghistory_context",
        ),
    ]
