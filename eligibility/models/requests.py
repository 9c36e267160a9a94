"""What a person asks of the health authority, which decides: reviews and corrections."""

import pghistory
import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from eligibility.enums import Correctable, ReviewReason, ReviewStatus
from eligibility.models.cohorts import Cohort
from eligibility.models.people import Person
from privacy.fields import EncryptedTextField


class AuthorityRequest(models.Model):
    """Common columns of what a person asks of the health authority, and of its answer."""

    status = models.CharField(
        _("status"), max_length=9, choices=ReviewStatus, default=ReviewStatus.OPEN
    )
    opened_at = models.DateTimeField(_("opened at"), db_default=Now(), editable=False)
    closed_at = models.DateTimeField(_("closed at"), null=True, editable=False)
    by = models.CharField(_("decided by"), max_length=40, blank=True)
    answer = models.CharField(_("answer to the person"), max_length=300, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"#{self.pk}"


@pghistory.track(exclude=["note"])
class Review(AuthorityRequest):
    """A person doubts an eligibility decision; the health authority settles it."""

    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="reviews", verbose_name=_("person")
    )
    cohort = models.ForeignKey(
        Cohort, on_delete=models.PROTECT, related_name="reviews", verbose_name=_("cohort")
    )
    reason = models.CharField(_("reason"), max_length=12, choices=ReviewReason)
    note = EncryptedTextField(_("note"), blank=True, default="")
    # The doubted decision's code, of eligibility.enums.Reason.
    doubted = models.CharField(_("doubted answer"), max_length=30)

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        constraints = [
            models.UniqueConstraint(
                fields=["person", "cohort"],
                condition=Q(status=ReviewStatus.OPEN),
                name="one_open_review_per_person_and_cohort",
            ),
            models.CheckConstraint(
                condition=Q(status=ReviewStatus.OPEN, closed_at__isnull=True)
                | (~Q(status=ReviewStatus.OPEN) & Q(closed_at__isnull=False)),
                name="closed_review_has_its_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["opened_at"], name="reviews_open", condition=Q(status=ReviewStatus.OPEN)
            )
        ]
        triggers = [
            pgtrigger.Trigger(
                name="one_open_review_per_phone",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("status"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Q(new__status=ReviewStatus.OPEN),
                declare=[("of_phone", "bytea")],
                # The lock is that of services.households.lock_phones. Under it the count sees what
                # other transactions have committed. While the index key changes, people of one
                # phone may have different indexes: then services.reviews alone counts them.
                func="""
                    SELECT phone_index INTO of_phone
                    FROM eligibility_person WHERE id = NEW.person_id;
                    PERFORM pg_advisory_xact_lock(
                        ('x' || encode(substr(of_phone, 1, 8), 'hex'))::bit(64)::bigint
                    );
                    IF EXISTS (
                        SELECT FROM eligibility_review AS other
                        JOIN eligibility_person AS person ON person.id = other.person_id
                        WHERE person.phone_index = of_phone
                            AND other.status = 'open' AND other.id <> NEW.id
                    ) THEN
                        RAISE EXCEPTION 'a review of this phone is open'
                            USING ERRCODE = 'unique_violation',
                                CONSTRAINT = 'one_open_review_per_phone';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]


class Correction(AuthorityRequest):
    """A person asks to correct a stored value of theirs; the health authority decides."""

    person = models.ForeignKey(
        Person, on_delete=models.CASCADE, related_name="corrections", verbose_name=_("person")
    )
    field = models.CharField(_("field"), max_length=10, choices=Correctable)
    wanted = EncryptedTextField(_("wanted"))
    # The value before it was granted: the person's roster row is still recognized by it.
    replaced = EncryptedTextField(_("replaced"), null=True, editable=False)

    class Meta:
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
        constraints = [
            models.UniqueConstraint(
                fields=["person", "field"],
                condition=Q(status=ReviewStatus.OPEN),
                name="one_open_correction_per_field",
            )
        ]
