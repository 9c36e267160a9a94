import pghistory
import pgtrigger
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from staff.enums import Act, Role


@pghistory.track(exclude=["password", "last_login"])
class User(AbstractUser):
    """Somebody who works here; the role says what they may do, clinic or region where."""

    role = models.CharField(_("role"), max_length=10, choices=Role, blank=True)
    clinic = models.ForeignKey(
        "booking.Clinic",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="staff",
        verbose_name=_("clinic"),
    )
    region = models.CharField(_("region"), max_length=20, blank=True)
    district = models.CharField(_("district"), max_length=30, blank=True)

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=~Q(role=Role.CLINIC) | Q(clinic__isnull=False),
                name="clinic_staff_have_a_clinic",
            ),
            models.CheckConstraint(
                condition=~Q(role=Role.LOCAL) | ~Q(region=""),
                name="local_government_has_a_region",
            ),
        ]


class Access(models.Model):
    """Who saw whose personal data; kept two years, never changed (safety notice, art. 8)."""

    at = models.DateTimeField(_("at"), auto_now_add=True, db_index=True)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="accesses", verbose_name=_("user")
    )
    address = models.GenericIPAddressField(_("address"), null=True)
    act = models.CharField(_("act"), max_length=30, choices=Act)
    what = models.CharField(_("what"), max_length=200)
    # Whose data: no foreign key, since the record outlives the person's row.
    people = models.JSONField(_("people"), default=list)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("access to personal data")
        verbose_name_plural = _("accesses to personal data")
        ordering = ["-at"]
        indexes = [
            GinIndex(fields=["people"], name="accesses_by_person", opclasses=["jsonb_path_ops"])
        ]
        triggers = [
            pgtrigger.Protect(name="accesses_never_change", operation=pgtrigger.Update),
            pgtrigger.Protect(
                name="accesses_stay_two_years",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Condition("OLD.at > NOW() - INTERVAL '2 years'"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.act}"
