from django.db import migrations, models

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [("booking", "0025_standing_with_outside_doses")]

    operations = [
        migrations.AddField(
            model_name="reservation",
            name="party",
            field=models.UUIDField(editable=False, null=True),
        ),
        install("booking", "booking_confirm_at_once", 2),
        install("booking", "booking_of_person", 5),
    ]
