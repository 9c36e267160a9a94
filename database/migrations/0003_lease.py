from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("database", "0002_history_contexts_stay")]

    operations = [
        migrations.CreateModel(
            name="Lease",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("holder", models.CharField(max_length=200)),
                ("until", models.DateTimeField()),
            ],
        ),
    ]
