from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations, models

NEW, OLD = "one_slot_per_clinic_vaccine_time_and_home", "one_slot_per_clinic_vaccine_and_time"

# The new index is there before the old one goes: searches by clinic and time need either.
FORWARDS = [
    f"""
    CREATE UNIQUE INDEX CONCURRENTLY {NEW} ON booking_slot
    (clinic_id, starts_at, vaccine_id, home_id) NULLS NOT DISTINCT
    """,
    f"ALTER TABLE booking_slot ADD CONSTRAINT {NEW} UNIQUE USING INDEX {NEW}",
    f"ALTER TABLE booking_slot DROP CONSTRAINT {OLD}",
]
BACKWARDS = [
    f"CREATE UNIQUE INDEX CONCURRENTLY {OLD} ON booking_slot (clinic_id, starts_at, vaccine_id)",
    f"ALTER TABLE booking_slot ADD CONSTRAINT {OLD} UNIQUE USING INDEX {OLD}",
    f"ALTER TABLE booking_slot DROP CONSTRAINT {NEW}",
]


class Migration(migrations.Migration):
    """A visit to a care home may begin when a slot of the clinic begins."""

    atomic = False

    dependencies = [("booking", "0013_care_homes")]

    operations = [
        ValidateConstraint(model_name="slot", name="visit_seats_are_not_public"),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(FORWARDS, BACKWARDS)],
            state_operations=[
                migrations.RemoveConstraint(model_name="slot", name=OLD),
                migrations.AddConstraint(
                    model_name="slot",
                    constraint=models.UniqueConstraint(
                        fields=("clinic", "starts_at", "vaccine", "home"),
                        name=NEW,
                        nulls_distinct=False,
                    ),
                ),
            ],
        ),
    ]
