"""Doses given, visits without one, and reactions.

Field terms follow HL7 FHIR R5 Immunization: occurrence, site, doseNumber, statusReason, reaction.
"""

from typing import Self

import pghistory
import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from booking.models import Clinic, Reservation, Vaccine
from database.clock import Now
from eligibility.models import Person
from vaccination.enums import (
    REASONS,
    IdentityCheck,
    LateReason,
    Manifestation,
    NotDoneReason,
    Outcome,
    Site,
)
from vaccination.models.lots import Lot


class DoseQuerySet(models.QuerySet["DoseGiven"]):
    def with_visit(self) -> Self:
        """With what pages show: person, appointment, clinic, vaccine and lot."""
        return self.select_related("reservation__person", "clinic", "vaccine", "lot")


# Columns of a dose that must agree with its reservation, its clinic and its lot.
_FITTED = ["reservation_id", "clinic_id", "vaccine_id", "lot_id", "dose_number", "given_at"]


# A dose recorded by mistake is deleted, so that no count includes it; its history stays. Events
# hold the values before a change: with the row they are the whole history, and a dose that never
# changes writes none.
@pghistory.track(
    pghistory.UpdateEvent(label="before", row=pghistory.Old),
    pghistory.DeleteEvent(),
    fields=[
        "reservation", "lot", "dose_number", "site", "identity", "vaccinator", "given_at",
        "recorded_at", "late_reason", "by",
    ],
    model_name="DoseGivenEvent",
    obj_field=pghistory.ObjForeignKey(related_name="events"),
    context_field=pghistory.ContextForeignKey(null=True, db_index=False),
    attrs={
        "lot": models.ForeignKey(
            Lot,
            on_delete=models.DO_NOTHING,
            null=True,
            related_name="+",
            db_constraint=False,
            db_index=False,
        )
    },
)  # fmt: skip
class DoseGiven(models.Model):
    """One dose given at an appointment, recorded in the transaction of its mark."""

    reservation = models.OneToOneField(
        Reservation,
        on_delete=models.PROTECT,
        related_name="dose_given",
        verbose_name=_("reservation"),
    )
    # Of the reservation's slot; here too, so that a clinic's list needs no join.
    clinic = models.ForeignKey(
        Clinic, on_delete=models.PROTECT, related_name="+", verbose_name=_("clinic"), db_index=False
    )
    vaccine = models.ForeignKey(
        Vaccine,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("vaccine"),
        db_index=False,
    )
    # NULL at a clinic that keeps no lots in the portal.
    lot = models.ForeignKey(
        Lot,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="doses",
        verbose_name=_("lot"),
        db_index=False,
    )
    dose_number = models.PositiveSmallIntegerField(_("dose"))
    # Empty after the quick mark, until completed on the form.
    site = models.CharField(_("site of injection"), max_length=2, choices=Site, blank=True)
    identity = models.CharField(
        _("identity"), max_length=10, choices=IdentityCheck, blank=True, default=""
    )
    # Who gave it (staff.actors), not always who recorded it.
    vaccinator = models.CharField(_("vaccinator"), max_length=40)
    # FHIR occurrence; by the database's clock, or the time of an appointment of an earlier day.
    given_at = models.DateTimeField(_("given at"), db_default=Now())
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now(), editable=False)
    late_reason = models.CharField(
        _("reason of the late record"), max_length=10, choices=LateReason, blank=True, default=""
    )
    by = models.CharField(_("by"), max_length=40)

    objects = DoseQuerySet.as_manager()

    class Meta:
        verbose_name = _("dose given")
        verbose_name_plural = _("doses given")
        constraints = [
            models.CheckConstraint(
                condition=Q(given_at__lte=F("recorded_at")), name="dose_is_given_before_recorded"
            ),
            models.CheckConstraint(
                condition=Q(given_at=F("recorded_at")) | ~Q(late_reason=""),
                name="late_record_has_a_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["clinic", "-given_at"], name="doses_by_clinic_and_time"),
            # A recall reads the doses of a lot in this order.
            models.Index(fields=["lot", "id"], name="doses_by_lot"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="dose_fits_its_reservation",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf(*_FITTED),  # type: ignore[no-untyped-call]
                func="""
                    IF NOT EXISTS (
                        SELECT FROM booking_reservation AS reservation
                        JOIN booking_slot AS slot ON slot.id = reservation.slot_id
                        WHERE reservation.id = NEW.reservation_id
                            AND reservation.status = 'vaccinated'
                            AND reservation.dose = NEW.dose_number
                            AND slot.clinic_id = NEW.clinic_id
                            AND slot.vaccine_id = NEW.vaccine_id
                    ) THEN
                        RAISE check_violation USING MESSAGE =
                            'The dose does not agree with its reservation.';
                    END IF;
                    IF NEW.lot_id IS NULL THEN
                        IF EXISTS (
                            SELECT FROM vaccination_lot WHERE clinic_id = NEW.clinic_id
                        ) THEN
                            RAISE check_violation USING MESSAGE =
                                'This clinic keeps lots: the dose needs one.';
                        END IF;
                    ELSIF NOT EXISTS (
                        SELECT FROM vaccination_lot WHERE id = NEW.lot_id
                            AND clinic_id = NEW.clinic_id AND vaccine_id = NEW.vaccine_id
                            AND recalled_at IS NULL
                            AND expires_on >= (NEW.given_at AT TIME ZONE 'Asia/Seoul')::date
                    ) THEN
                        RAISE check_violation USING MESSAGE =
                            'The lot is of another clinic or vaccine, had expired or was recalled.';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="dose_is_counted",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Delete | pgtrigger.UpdateOf("lot_id"),  # type: ignore[no-untyped-call]
                func="""
                    IF TG_OP <> 'INSERT' THEN
                        UPDATE vaccination_lot SET doses_given = doses_given - 1
                        WHERE id = OLD.lot_id;
                    END IF;
                    IF TG_OP <> 'DELETE' THEN
                        UPDATE vaccination_lot SET doses_given = doses_given + 1
                        WHERE id = NEW.lot_id;
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reservation_id} ({self.dose_number})"

    @property
    def person(self) -> Person:
        return self.reservation.person

    @property
    def person_id(self) -> int:
        return self.reservation.person_id


class NotDone(models.Model):
    """A person came and was not vaccinated; append-only. The reservation's status says whether it
    still holds: taken back, the status is `arrived` again and this row stays as history."""

    reservation = models.ForeignKey(
        Reservation,
        on_delete=models.PROTECT,
        related_name="not_done",
        verbose_name=_("reservation"),
    )
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    reason = models.CharField(_("reason"), max_length=10, choices=NotDoneReason)
    by = models.CharField(_("by"), max_length=40)
    at = models.DateTimeField(_("at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("visit without vaccination")
        verbose_name_plural = _("visits without vaccination")
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome=Outcome.REFUSED, reason__in=REASONS[Outcome.REFUSED])
                | Q(outcome=Outcome.POSTPONED, reason__in=REASONS[Outcome.POSTPONED]),
                name="not_done_reason_fits_its_outcome",
            )
        ]
        triggers = [
            pgtrigger.Protect(
                name="outcomes_are_history", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.reservation_id} {self.outcome}"


class Reaction(models.Model):
    """What was observed after a dose within the waiting time; append-only.

    It points to the reservation, not to the dose: a dose taken back does not undo what was seen.
    """

    reservation = models.ForeignKey(
        Reservation,
        on_delete=models.PROTECT,
        related_name="reactions",
        verbose_name=_("reservation"),
        db_index=False,
    )
    manifestation = models.CharField(_("reaction"), max_length=12, choices=Manifestation)
    by = models.CharField(_("by"), max_length=40)
    observed_at = models.DateTimeField(_("observed at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("reaction")
        verbose_name_plural = _("reactions")
        constraints = [
            models.UniqueConstraint(
                fields=["reservation", "manifestation"], name="one_reaction_of_a_kind"
            )
        ]
        triggers = [
            pgtrigger.Protect(
                name="reactions_are_history", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.reservation_id} {self.manifestation}"
