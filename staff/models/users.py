import pghistory
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from staff.enums import AT_A_CLINIC, Role


@pghistory.track(exclude=["password", "last_login"])
class User(AbstractUser):  # type: ignore[django-manager-missing]  # django-otp has no types
    """A member of staff. `role` gives the rights (staff.roles), clinic or region the rows."""

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
    # Times of other users' acts on the account, so that pghistory records who did them.
    unlocked_at = models.DateTimeField(_("unlocked at"), null=True, editable=False)
    link_made_at = models.DateTimeField(_("link made at"), null=True, editable=False)
    second_factor_removed_at = models.DateTimeField(
        _("second factor removed at"), null=True, editable=False
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=~Q(role__in=AT_A_CLINIC) | Q(clinic__isnull=False),
                name="clinic_staff_have_a_clinic",
            ),
            models.CheckConstraint(
                condition=~Q(role=Role.LOCAL) | ~Q(region=""),
                name="local_government_has_a_region",
            ),
        ]
