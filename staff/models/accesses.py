import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from staff.enums import Act
from staff.models.users import User

# Up to this many people are stored in the Access row; a larger set is a PeopleSet, stored once.
FEW = 20
# Sets up to this size are indexed by person. An export of millions would make the index huge, so
# larger ones are scanned.
INDEXED = 5000


class PeopleSetQuerySet(models.QuerySet["PeopleSet"]):
    def holding(self, person: int, *, large: bool = True) -> list[str]:
        """Digests of the sets with this person; `large` scans those above INDEXED too."""
        # Separate queries: the first uses the index, which only has sets up to INDEXED.
        named = list(
            self.filter(size__lte=INDEXED, people__contains=[person]).values_list("pk", flat=True)
        )
        if large:
            scanned = self.filter(size__gt=INDEXED, people__contains=[person])
            named += scanned.values_list("pk", flat=True)
        derived = self.filter(base__in=named).exclude(removed__contains=[person])
        return [*named, *derived.values_list("pk", flat=True)]


class PeopleSet(models.Model):
    """People who were seen together: on a day sheet, a list or in an export. Never changed.

    Either whole, or the difference from a whole set (`base`): a day sheet that is opened after
    each booking shows nearly the same people every time.
    """

    digest = models.CharField(max_length=64, primary_key=True)  # SHA-256 of the sorted numbers
    size = models.PositiveIntegerField()
    # All people; in a difference those that its base lacks.
    people = ArrayField(models.BigIntegerField())
    # Indexed below: most sets have no base.
    base = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, db_index=False, related_name="differences"
    )
    removed = ArrayField(models.BigIntegerField(), null=True)  # those of the base that are missing
    # What was looked at, of whole sets on which later ones of the same page may be based.
    topic = models.CharField(max_length=100, db_default="")
    made_at = models.DateTimeField(db_default=Now(), null=True, editable=False)

    objects = PeopleSetQuerySet.as_manager()

    class Meta:
        verbose_name = _("people seen together")
        verbose_name_plural = _("people seen together")
        indexes = [
            GinIndex(fields=["people"], name="people_of_a_set", condition=Q(size__lte=INDEXED)),
            models.Index(fields=["size"], name="large_sets", condition=Q(size__gt=INDEXED)),
            models.Index(
                fields=["base"], name="differences_of_a_set", condition=Q(base__isnull=False)
            ),
            models.Index(
                fields=["topic", "-made_at"], name="bases_of_a_topic", condition=~Q(topic="")
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="people_sets_never_change", operation=pgtrigger.Update),
        ]

    def __str__(self) -> str:
        return self.digest[:8]

    @property
    def members(self) -> list[int]:
        """Ids of all people of the set, in order."""
        if self.base is None:
            return list(self.people)
        return sorted(set(self.base.people).difference(self.removed or ()).union(self.people))


class AccessQuerySet(models.QuerySet["Access"]):
    def of_person(self, person: int, *, large: bool = True) -> "AccessQuerySet":
        """Records of looks at this person's data; `large` as in PeopleSetQuerySet.holding."""
        sets = PeopleSet.objects.holding(person, large=large)
        return self.filter(Q(people__contains=[person]) | Q(people_set__in=sets))


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
    # Indexed below, once and only where there is one.
    people_set = models.ForeignKey(PeopleSet, on_delete=models.PROTECT, null=True, db_index=False)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    objects = AccessQuerySet.as_manager()

    class Meta:
        verbose_name = _("access to personal data")
        verbose_name_plural = _("accesses to personal data")
        ordering = ["-at"]
        indexes = [
            GinIndex(fields=["people"], name="accesses_by_person", opclasses=["jsonb_path_ops"]),
            models.Index(
                fields=["people_set"],
                name="accesses_by_set",
                condition=Q(people_set__isnull=False),
            ),
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
        people: list[int] = self.people_set.members if self.people_set else self.people
        return people
