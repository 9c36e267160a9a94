import pgtrigger
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from staff.enums import Act
from staff.models.users import User


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
