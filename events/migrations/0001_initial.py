import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

import database.clock


class Migration(migrations.Migration):
    initial = True

    dependencies = [("database", "0001_clock")]

    operations = [
        migrations.CreateModel(
            name="RecordedEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(
                        db_default=database.clock.Now(), editable=False, verbose_name="at"
                    ),
                ),
                ("kind", models.CharField(max_length=40, verbose_name="kind")),
                ("person_id", models.BigIntegerField(verbose_name="person")),
                (
                    "reservation_id",
                    models.BigIntegerField(null=True, verbose_name="reservation"),
                ),
                ("actor", models.CharField(max_length=40, verbose_name="by")),
                ("parameters", models.JSONField(default=dict, verbose_name="parameters")),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "indexes": [models.Index(fields=["person_id", "at"], name="events_of_a_person")],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="recordedevent",
            trigger=pgtrigger.compiler.Trigger(
                name="events_are_history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",  # noqa: E501
                    hash="851e97da1f57f863e4f483c29f5c22fc4d04c5f1",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_events_are_history_376ad",
                    table="events_recordedevent",
                    when="BEFORE",
                ),
            ),
        ),
    ]
