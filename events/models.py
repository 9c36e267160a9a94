import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from database.clock import Now


class RecordedEvent(models.Model):
    """An event that is recorded nowhere else. Append-only, and without personal data: it stays as
    part of the statistics when the person is forgotten."""

    at = models.DateTimeField(_("at"), db_default=Now(), editable=False)
    # A code of events.kinds.KINDS.
    kind = models.CharField(_("kind"), max_length=40)
    # No foreign keys: this layer knows neither people nor reservations.
    person_id = models.BigIntegerField(_("person"))
    reservation_id = models.BigIntegerField(_("reservation"), null=True)
    # Who did it (staff.actors).
    actor = models.CharField(_("by"), max_length=40)
    # Codes, numbers and public names; nothing that a person typed.
    parameters = models.JSONField(_("parameters"), default=dict)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [models.Index(fields=["person_id", "at"], name="events_of_a_person")]
        triggers = [
            pgtrigger.Protect(
                name="events_are_history", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.person_id}"
