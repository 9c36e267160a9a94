from django.db import migrations


class Migration(migrations.Migration):
    """Leave room on each page, so that counting a booking writes no index (heap-only updates)."""

    dependencies = [("booking", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE booking_slot SET (fillfactor = 70)",
            "ALTER TABLE booking_slot RESET (fillfactor)",
        ),
        migrations.RunSQL(
            "ALTER TABLE booking_reservation SET (fillfactor = 85)",
            "ALTER TABLE booking_reservation RESET (fillfactor)",
        ),
    ]
