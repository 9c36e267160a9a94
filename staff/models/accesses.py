import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from staff.enums import Act
from staff.models.users import User

# Up to this many people are stored in the Access row; a larger set is a PeopleSet, stored once.
FEW = 20
# Sets up to this size are indexed by person. An export of millions would make the index huge, so
# larger ones are scanned.
INDEXED = 5000


class PeopleSet(models.Model):
    """People who were seen together: on a day sheet, a list or in an export. Never changed."""

    digest = models.CharField(max_length=64, primary_key=True)  # SHA-256 of the sorted numbers
    size = models.PositiveIntegerField()
    people = ArrayField(models.BigIntegerField())

    class Meta:
        verbose_name = _("people seen together")
        verbose_name_plural = _("people seen together")
        indexes = [
            GinIndex(
                fields=["people"], name="people_of_a_set", condition=models.Q(size__lte=INDEXED)
            )
        ]
        triggers = [
            pgtrigger.Protect(name="people_sets_never_change", operation=pgtrigger.Update),
        ]

    def __str__(self) -> str:
        return self.digest[:8]


class Access(models.Model):
    """Record of an access to personal data: kept two years and never changed, as Korea's notice on
    safety measures for personal data requires (article 8)."""

    at = models.DateTimeField(_("at"), db_default=Now(), editable=False, db_index=True)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="accesses", verbose_name=_("user")
    )
    # For a command, which has no user: its name, and the account that ran it.
    by = models.CharField(_("by"), max_length=100, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True)
    act = models.CharField(_("act"), max_length=30, choices=Act)
    # A kind of staff.kinds or the label of a model; the text is made of it and `data`.
    what = models.CharField(_("what"), max_length=200)
    data = models.JSONField(default=dict)
    # Person ids; no foreign keys, as the record outlives the person's row.
    people = models.JSONField(_("people"), default=list)
    people_set = models.ForeignKey(PeopleSet, on_delete=models.PROTECT, null=True)
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
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=False) | ~models.Q(by=""),
                name="an_access_is_somebodys",
            )
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.act}"

    @property
    def numbers(self) -> list[int]:
        """Ids of all people who were seen."""
        people: list[int] = self.people_set.people if self.people_set else self.people
        return people
