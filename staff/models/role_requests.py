import pghistory
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from staff.enums import RequestStatus, Role
from staff.models.users import User


@pghistory.track()
class RoleRequest(models.Model):
    """A role requested for a user by one user and decided by another.

    A role without rights over people's data is granted at once, and recorded here too.
    """

    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="role_requests", verbose_name=_("user")
    )
    role = models.CharField(_("role"), max_length=10, choices=Role, blank=True)
    clinic = models.ForeignKey(
        "booking.Clinic",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("clinic"),
    )
    region = models.CharField(_("region"), max_length=20, blank=True)
    district = models.CharField(_("district"), max_length=30, blank=True)
    reason = models.CharField(_("reason"), max_length=200)
    status = models.CharField(
        _("status"), max_length=10, choices=RequestStatus, default=RequestStatus.OPEN
    )
    asked_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("asked by")
    )
    asked_at = models.DateTimeField(_("asked at"), db_default=Now(), editable=False)
    decided_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)

    class Meta:
        verbose_name = _("request for a role")
        verbose_name_plural = _("requests for roles")
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(status=RequestStatus.OPEN),
                name="one_open_role_request",
            ),
            # The rule of two users, also against errors in the services.
            models.CheckConstraint(
                condition=~Q(asked_by=F("user")), name="nobody_asks_for_their_own_role"
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True)
                | (~Q(decided_by=F("user")) & ~Q(decided_by=F("asked_by"))),
                name="a_role_is_decided_by_another",
            ),
            models.CheckConstraint(
                condition=Q(status=RequestStatus.OPEN, decided_at__isnull=True)
                | (~Q(status=RequestStatus.OPEN) & Q(decided_at__isnull=False)),
                name="a_decided_role_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
