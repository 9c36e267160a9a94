from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("eligibility", "0008_one_open_review_per_phone"),
    ]

    operations = [
        migrations.AddField(
            model_name="phonecode",
            name="by_voice",
            field=models.BooleanField(db_default=False, editable=False),
        ),
    ]
