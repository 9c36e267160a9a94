from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("eligibility", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="person",
            name="session_generation",
            field=models.PositiveSmallIntegerField(db_default=0, editable=False),
        ),
    ]
