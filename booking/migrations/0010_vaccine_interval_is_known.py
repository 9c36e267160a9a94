"""Vaccines of two doses whose interval was left empty: what an empty one meant until now."""

from django.db import migrations

FILL = """
UPDATE booking_vaccine SET
    min_days = coalesce(min_days, 0),
    best_days = coalesce(best_days, min_days, 0),
    max_days = greatest(coalesce(max_days, 0), best_days, min_days)
WHERE doses > 1 AND (min_days IS NULL OR best_days IS NULL OR max_days IS NULL)
"""


class Migration(migrations.Migration):
    dependencies = [("booking", "0009_reservations_of_a_person")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
