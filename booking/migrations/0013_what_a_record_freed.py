import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Which record of a dose cancelled what: it comes back when the record was a mistake."""

    dependencies = [("booking", "0012_hold_waits_for_jabs")]

    operations = [
        migrations.AddField(
            model_name="wish",
            name="jab",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="ended_wishes",
                to="booking.jab",
            ),
        ),
        migrations.CreateModel(
            name="Freed",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="cancelled at")),
                ("lost_at", models.DateTimeField(null=True, verbose_name="lost since")),
                (
                    "lost_because",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("taken", "The place was given to somebody else"),
                            ("over", "The time is over"),
                            ("closed", "The clinic takes no bookings at the moment"),
                            ("holding", "The person is choosing another time at this moment"),
                            ("no_first", "There is no appointment for the dose before it"),
                            ("unfit", "It no longer suits the other dose"),
                        ],
                        max_length=8,
                        verbose_name="why",
                    ),
                ),
                ("by", models.CharField(blank=True, max_length=40, verbose_name="by")),
                (
                    "jab",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="freed",
                        to="booking.jab",
                    ),
                ),
                (
                    "reservation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="freed",
                        to="booking.reservation",
                    ),
                ),
                (
                    "wish",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instead_of",
                        to="booking.wish",
                    ),
                ),
            ],
            options={
                "verbose_name": "lost appointment",
                "verbose_name_plural": "lost appointments",
                "indexes": [
                    models.Index(
                        condition=Q(("lost_at__isnull", False)),
                        fields=["lost_at"],
                        name="lost_appointments",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(
                            ("jab__isnull", False), ("lost_at__isnull", False), _connector="OR"
                        ),
                        name="freed_by_a_record_or_lost",
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            Q(("lost_at__isnull", True), ("lost_because", "")),
                            Q(
                                ("lost_at__isnull", False),
                                Q(("lost_because", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="lost_with_a_reason",
                    ),
                ],
            },
        ),
    ]
