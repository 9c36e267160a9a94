from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("waiting_room", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="step",
            name="act",
            field=models.CharField(
                choices=[
                    ("commit", "Draw committed to"),
                    ("plan", "Opening set"),
                    ("freeze", "List frozen"),
                    ("reveal", "Draw revealed"),
                    ("call", "Called"),
                    ("pause", "Paused"),
                    ("resume", "Resumed"),
                    ("pace", "Pace set"),
                    ("close", "Closed"),
                ],
                max_length=20,
                verbose_name="act",
            ),
        ),
    ]
