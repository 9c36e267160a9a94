from django.db import models
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from staff.enums import Step
from staff.models.users import User


class LogInFailure(models.Model):
    """A wrong password or code, counted by staff.limits. The typed name is not stored.

    A row is written before the check and deleted if it succeeds, so that concurrent tries can't
    all pass below the limit.
    """

    at = models.DateTimeField(_("at"), db_default=Now(), editable=False, db_index=True)
    user = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        null=True,
        related_name="failures",
        verbose_name=_("user"),
    )
    name_index = models.CharField(max_length=64)  # keyed hash of the typed name
    network = models.CharField(_("address"), max_length=45, blank=True)  # IPv6: the /64
    device = models.CharField(max_length=32, blank=True)  # number of a known browser, or ""
    step = models.CharField(_("step"), max_length=10, choices=Step)
    # The proof of work that was done for this try: each counts once.
    proof = models.CharField(  # noqa: DJ001 - many without one, unique where there is one
        max_length=80, null=True, editable=False
    )

    class Meta:
        verbose_name = _("failed log-in")
        verbose_name_plural = _("failed log-ins")
        ordering = ["-at"]
        # Read by staff.limits before each try.
        indexes = [
            models.Index(fields=["name_index", "-at"], name="failures_of_an_account"),
            models.Index(fields=["network", "-at"], name="failures_of_a_network"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["proof"], name="a_proof_of_work_counts_once"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
