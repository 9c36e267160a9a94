"""How many seats are open in each region, summed by a job."""

from django.db import models
from django.db.models import Q


class SeatsLeft(models.Model):
    """The sums of booking.services.line_reports, for the map of the finder; one row.

    A sum over all open slots is too much for a page of the opening minute.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()
    # {region: {code of the vaccine: open seats}}
    by_region = models.JSONField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="seats_left_is_one_row")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"
