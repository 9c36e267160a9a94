from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0002_reservations"),
        ("messaging", "0001_initial"),
        ("waiting_room", "0002_functions"),
    ]

    operations = [
        # Free space on each page, so that counting a booking writes no index (heap-only updates).
        migrations.RunSQL(
            "ALTER TABLE booking_slot SET (fillfactor = 70)",
            "ALTER TABLE booking_slot RESET (fillfactor)",
        ),
        migrations.RunSQL(
            "ALTER TABLE booking_reservation SET (fillfactor = 85)",
            "ALTER TABLE booking_reservation RESET (fillfactor)",
        ),
        install("booking", "booking_hold_at_once", 1),
        install("booking", "booking_confirm_at_once", 1),
        install("booking", "booking_of_person", 1),
    ]
