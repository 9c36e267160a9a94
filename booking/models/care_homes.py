"""Care homes, and the visits by which a clinic's team vaccinates there."""

import pghistory
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from booking.enums import VISIT_MOVES, VisitStatus
from booking.models.clinics import Clinic, Slot
from booking.models.moves import lawful_moves
from booking.place_names import full_name
from database.clock import Now
from privacy.fields import EncryptedTextField


@pghistory.track(
    fields=["name", "region", "district", "address", "phone", "clinic", "active"],
    model_name="CareHomeEvent",
    obj_field=pghistory.ObjForeignKey(related_name="events"),
)
class CareHome(models.Model):
    """A home whose residents are vaccinated where they live, by the team of `clinic`."""

    name = models.CharField(_("name"), max_length=100)
    region = models.CharField(_("region"), max_length=20)
    district = models.CharField(_("district"), max_length=30)
    address = models.CharField(_("address"), max_length=200)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    # Who at the home answers questions of the clinic; a person's name, so it is encrypted.
    contact = EncryptedTextField(_("contact at the home"), blank=True, default="")
    clinic = models.ForeignKey(
        Clinic,
        on_delete=models.PROTECT,
        related_name="care_homes",
        verbose_name=_("clinic whose team visits"),
    )
    active = models.BooleanField(_("is visited"), default=True)

    class Meta:
        verbose_name = _("care home")
        verbose_name_plural = _("care homes")
        ordering = ["region", "district", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["region", "district", "name"],
                name="one_care_home_per_district_and_name",
                violation_error_message=_("There is a care home of this name in the district."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def full_name(self) -> str:
        return full_name(self)


@pghistory.track(
    fields=["slot", "status", "ends_at", "by"],
    model_name="HomeVisitEvent",
    obj_field=pghistory.ObjForeignKey(related_name="events"),
)
class HomeVisit(models.Model):
    """One visit of a team to a care home, for one dose of its residents.

    Its seats are those of `slot`, which no path but the services of visits can take
    (Slot.visit_places). A visit that is moved gets another slot; the former one stays for the
    history, without seats.
    """

    slot = models.OneToOneField(
        Slot, on_delete=models.PROTECT, related_name="visit", verbose_name=_("slot")
    )
    dose = models.PositiveSmallIntegerField(_("dose"))
    ends_at = models.DateTimeField(_("until"))
    status = models.CharField(
        _("status"), max_length=10, choices=VisitStatus, default=VisitStatus.PLANNED
    )
    # The visit for the first dose, where this one was made from it.
    first = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="second",
        verbose_name=_("visit for the first dose"),
    )
    # Who acted last (staff.actors).
    by = models.CharField(_("by"), max_length=40)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    called_off_at = models.DateTimeField(_("called off at"), null=True, editable=False)

    class Meta:
        verbose_name = _("visit to a care home")
        verbose_name_plural = _("visits to care homes")
        constraints = [
            models.CheckConstraint(
                condition=Q(dose__gte=1, dose__lte=9), name="dose_of_a_visit_is_a_number"
            ),
            models.CheckConstraint(
                condition=Q(status=VisitStatus.CALLED_OFF, called_off_at__isnull=False)
                | (~Q(status=VisitStatus.CALLED_OFF) & Q(called_off_at__isnull=True)),
                name="called_off_visit_has_its_time",
            ),
        ]
        triggers = [lawful_moves(VISIT_MOVES)]

    def __str__(self) -> str:
        return f"{self.slot_id} {timezone.localtime(self.ends_at):%Y-%m-%d}"
