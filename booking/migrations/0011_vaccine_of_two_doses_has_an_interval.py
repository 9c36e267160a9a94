from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("booking", "0010_vaccine_interval_is_known")]

    operations = [
        migrations.RemoveConstraint(model_name="vaccine", name="vaccine_interval_in_order"),
        migrations.AddConstraint(
            model_name="vaccine",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("doses", 1),
                    models.Q(
                        ("best_days__lte", models.F("max_days")),
                        ("doses", 2),
                        ("min_days__lte", models.F("best_days")),
                    ),
                    _connector="OR",
                ),
                name="vaccine_interval_in_order",
                violation_error_message="Say one dose or two. Two need the days between them: at least, best and at most, in this order.",
            ),
        ),
        migrations.AddConstraint(
            model_name="vaccine",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("doses", 1),
                    models.Q(
                        ("best_days__isnull", False),
                        ("max_days__isnull", False),
                        ("min_days__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="vaccine_of_two_doses_has_an_interval",
                violation_error_message="Say one dose or two. Two need the days between them: at least, best and at most, in this order.",
            ),
        ),
    ]
