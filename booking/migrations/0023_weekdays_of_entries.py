import django.contrib.postgres.fields
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("booking", "0022_bookings_read_in_fewer_trips")]

    operations = [
        migrations.AddField(
            model_name="listentry",
            name="weekdays",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.PositiveSmallIntegerField(),
                blank=True,
                db_default=[],
                default=list,
                size=None,
                verbose_name="weekdays",
            ),
        ),
        AddConstraintNotValid(
            model_name="listentry",
            constraint=models.CheckConstraint(
                condition=models.Q(weekdays__contained_by=[0, 1, 2, 3, 4, 5, 6]),
                name="entry_names_days_of_the_week",
            ),
        ),
    ]
