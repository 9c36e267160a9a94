"""Lots of vaccine, their movements, and the lot of the day.

Rules that must never be false are constraints and triggers. Field terms follow HL7 FHIR R5
Immunization: lotNumber, expirationDate.
"""

import uuid
from typing import Self

import pghistory
import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from booking.models import Clinic, Vaccine
from database.clock import Now
from vaccination.enums import MovementKind, WasteReason

# Of one receipt; a larger number is a typing error.
MOST_DOSES = 100_000
_COUNTERS = ["doses_received", "doses_given", "doses_wasted"]
_COUNTED_BY_TRIGGERS = "The doses of a lot are counted by its movements and doses."


class LotQuerySet(models.QuerySet["Lot"]):
    def locked(self) -> Self:
        """Lock lots after reservations, by id (docs/developing.md, "Locks")."""
        return self.select_for_update(of=("self",), no_key=True)

    def with_doses(self) -> Self:
        return self.filter(doses_received__gt=F("doses_given") + F("doses_wasted"))


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    fields=["clinic", "vaccine", "number", "expires_on", "recalled_at", "by"],
    model_name="LotEvent",
    obj_field=pghistory.ObjForeignKey(related_name="events"),
)
class Lot(models.Model):
    """Vials with one lot number at one clinic. Received = given + left + wasted, always."""

    clinic = models.ForeignKey(
        Clinic,
        on_delete=models.PROTECT,
        related_name="lots",
        verbose_name=_("clinic"),
        db_index=False,
    )
    vaccine = models.ForeignKey(
        Vaccine, on_delete=models.PROTECT, related_name="lots", verbose_name=_("vaccine")
    )
    number = models.CharField(_("lot number"), max_length=20)
    # The last day on which the lot may be given.
    expires_on = models.DateField(_("expires on"))
    doses_received = models.PositiveIntegerField(_("doses received"), default=0, editable=False)
    doses_given = models.PositiveIntegerField(_("doses given"), default=0, editable=False)
    doses_wasted = models.PositiveIntegerField(_("doses wasted"), default=0, editable=False)
    # Since then no dose of it is given. Set with the recall, under the lot's lock, so that the
    # recall finds all who got it.
    recalled_at = models.DateTimeField(_("recalled at"), null=True, blank=True, editable=False)
    by = models.CharField(_("by"), max_length=40)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)

    objects = LotQuerySet.as_manager()

    class Meta:
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        ordering = ["expires_on", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "vaccine", "number"], name="one_lot_per_clinic_vaccine_and_number"
            ),
            models.CheckConstraint(
                condition=Q(doses_received__gte=F("doses_given") + F("doses_wasted")),
                name="lot_never_gives_more_than_it_has",
            ),
            # Upper case without spaces, so that one lot is not two (rules.lot_number).
            models.CheckConstraint(
                condition=Q(number__regex=r"^[0-9A-Z][0-9A-Z./-]*$"), name="lot_number_is_normal"
            ),
        ]
        # A recall looks for the number at all clinics.
        indexes = [models.Index(fields=["number"], name="lots_by_number")]
        triggers = [
            pgtrigger.Protect(
                name="lot_stays_at_its_clinic",
                operation=pgtrigger.UpdateOf("clinic_id", "vaccine_id"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Q(old__clinic_id__df=pgtrigger.F("new__clinic_id"))
                | pgtrigger.Q(old__vaccine_id__df=pgtrigger.F("new__vaccine_id")),
            ),
            # Depth 0 is a statement of the application, not of a trigger.
            pgtrigger.Trigger(
                name="lot_is_counted_by_its_rows",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf(*_COUNTERS),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Condition("pg_trigger_depth() = 0"),
                func=f"RAISE EXCEPTION '{_COUNTED_BY_TRIGGERS}';",
            ),
            pgtrigger.Trigger(
                name="lot_begins_empty",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition(
                    "NEW.doses_received + NEW.doses_given + NEW.doses_wasted <> 0"
                ),
                func=f"RAISE EXCEPTION '{_COUNTED_BY_TRIGGERS}';",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def doses_left(self) -> int:
        return self.doses_received - self.doses_given - self.doses_wasted


class LotMovement(models.Model):
    """Doses received, corrected or wasted; append-only, and counted into the lot by a trigger."""

    lot = models.ForeignKey(
        Lot, on_delete=models.PROTECT, related_name="movements", verbose_name=_("lot")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=MovementKind)
    # Positive; of a correction or a waste taken back also negative.
    doses = models.IntegerField(_("doses"))
    # A WasteReason, or of a correction the words of its author.
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    # Idempotency key of the form: sending it twice moves the doses once.
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    by = models.CharField(_("by"), max_length=40)
    at = models.DateTimeField(_("at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("movement of a lot")
        verbose_name_plural = _("movements of lots")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=MovementKind.RECEIVED, doses__gt=0)
                | (~Q(kind=MovementKind.RECEIVED) & ~Q(doses=0)),
                name="movement_moves_doses",
            ),
            models.CheckConstraint(
                condition=~Q(kind=MovementKind.RECEIVED) | Q(doses__lte=MOST_DOSES),
                name="receipt_is_no_typing_error",
            ),
            models.CheckConstraint(
                condition=Q(kind=MovementKind.RECEIVED)
                | (Q(kind=MovementKind.CORRECTED) & ~Q(reason=""))
                | Q(kind=MovementKind.WASTED, reason__in=WasteReason.values),
                name="correction_has_a_reason",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="movements_are_history", operation=pgtrigger.Update | pgtrigger.Delete
            ),
            pgtrigger.Trigger(
                name="movement_is_counted",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                # 'wasted' is MovementKind.WASTED.
                func="""
                    UPDATE vaccination_lot SET
                        doses_received = doses_received
                            + CASE NEW.kind WHEN 'wasted' THEN 0 ELSE NEW.doses END,
                        doses_wasted = doses_wasted
                            + CASE NEW.kind WHEN 'wasted' THEN NEW.doses ELSE 0 END
                    WHERE id = NEW.lot_id;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lot_id} {self.kind} {self.doses}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class DefaultLot(models.Model):
    """The lot from which a clinic gives a vaccine on one day, unless the form says another."""

    clinic = models.ForeignKey(
        Clinic, on_delete=models.PROTECT, related_name="+", verbose_name=_("clinic"), db_index=False
    )
    vaccine = models.ForeignKey(
        Vaccine, on_delete=models.PROTECT, related_name="+", verbose_name=_("vaccine")
    )
    on = models.DateField(_("day"))
    lot = models.ForeignKey(
        Lot, on_delete=models.PROTECT, related_name="default_on", verbose_name=_("lot")
    )
    by = models.CharField(_("by"), max_length=40)

    class Meta:
        verbose_name = _("lot of the day")
        verbose_name_plural = _("lots of the day")
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "on", "vaccine"], name="one_default_lot_per_clinic_and_vaccine"
            )
        ]
        triggers = [
            pgtrigger.Trigger(
                name="default_lot_fits_its_day",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NOT EXISTS (
                        SELECT FROM vaccination_lot WHERE id = NEW.lot_id
                            AND clinic_id = NEW.clinic_id AND vaccine_id = NEW.vaccine_id
                            AND expires_on >= NEW.on AND recalled_at IS NULL
                    ) THEN
                        RAISE check_violation USING MESSAGE =
                            'The lot is of another clinic or vaccine, expired or recalled.';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.clinic_id} {self.on} {self.lot_id}"
