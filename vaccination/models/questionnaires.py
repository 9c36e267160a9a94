"""The pre-vaccination questionnaire (예진표) by version, and the answers for an appointment.

Field terms follow HL7 FHIR R5 Questionnaire and QuestionnaireResponse.
"""

import pghistory
import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from booking.models import Reservation
from database.clock import Now
from privacy.fields import EncryptedTextField

# Delivered with the portal as files (services.questionnaires). Rows begin behind the first: the
# health authority may have made versions of its own before the portal brought another.
DELIVERED_VERSIONS = (1, 2)


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent())
class Questionnaire(models.Model):
    """A version of the questions that the health authority made. Once published it never changes:
    answers refer to it. The newest published version is the one that people answer."""

    version = models.PositiveSmallIntegerField(_("version"), unique=True)
    # As vaccination.questionnaire reads it.
    content = models.JSONField(_("questions"))
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    published_at = models.DateTimeField(_("published at"), null=True, editable=False)
    by = models.CharField(_("by"), max_length=40)

    class Meta:
        verbose_name = _("questionnaire")
        verbose_name_plural = _("questionnaires")
        constraints = [
            models.CheckConstraint(
                condition=Q(version__gt=DELIVERED_VERSIONS[0]), name="delivered_version_has_no_row"
            )
        ]
        triggers = [
            pgtrigger.Protect(
                name="published_questions_stay",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__published_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return str(self.version)


class QuestionnaireResponse(models.Model):
    """The answers for one appointment; they move with it to another clinic.

    Only ciphertext: neither an answer nor a flag can be read from the row. After the retention time
    `content` and `draft` are destroyed, and who answered when stays as part of the dose's record.
    """

    reservation = models.OneToOneField(
        Reservation,
        on_delete=models.PROTECT,
        related_name="questionnaire_response",
        verbose_name=_("reservation"),
    )
    # Of `content`; NULL where nothing was sent.
    version = models.PositiveSmallIntegerField(_("version"), null=True)
    # JSON with the reservation's id, so that answers copied into another row are not believed.
    content = EncryptedTextField(_("answers"), null=True)
    # What the person has not sent yet; no clinic sees it.
    draft = EncryptedTextField(_("draft"), null=True)
    # Raised by each sending: tells an outdated page.
    revision = models.PositiveIntegerField(_("revision"), default=0)
    sent_at = models.DateTimeField(_("answered at"), null=True)
    # Who answered last (staff.actors): the person, or staff at the counter.
    by = models.CharField(_("by"), max_length=40, blank=True, default="")
    # The person who answered for another (eligibility.Proxy); NULL: the person themself.
    proxy_id = models.BigIntegerField(_("proxy"), null=True)
    # Answered on paper at the counter: the clinic has the sheet, the portal no answers.
    is_on_paper = models.BooleanField(_("on paper"), default=False)
    # Since when, and by whose word, the doctor has spoken to the person because of a flag.
    doctor_at = models.DateTimeField(_("doctor spoke at"), null=True)
    doctor_by = models.CharField(_("recorded by"), max_length=40, blank=True, default="")
    destroyed_at = models.DateTimeField(_("destroyed at"), null=True)

    class Meta:
        verbose_name = _("answers before the vaccination")
        verbose_name_plural = _("answers before the vaccination")
        constraints = [
            models.CheckConstraint(
                condition=Q(content__isnull=True) | Q(version__isnull=False, sent_at__isnull=False),
                name="answers_have_version_and_time",
            ),
            models.CheckConstraint(
                condition=Q(sent_at=None, by="") | (Q(sent_at__isnull=False) & ~Q(by="")),
                name="sent_answers_name_their_author",
            ),
            models.CheckConstraint(
                condition=Q(doctor_at=None, doctor_by="")
                | (Q(doctor_at__isnull=False) & ~Q(doctor_by="")),
                name="consultation_is_recorded_by_staff",
            ),
            models.CheckConstraint(
                condition=Q(destroyed_at=None) | Q(content__isnull=True, draft__isnull=True),
                name="destroyed_answers_are_gone",
            ),
        ]
        indexes = [
            # The hourly purge looks at what there still is, not at all former answers.
            models.Index(
                fields=["reservation"],
                name="answers_not_destroyed",
                condition=Q(content__isnull=False) | Q(draft__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.reservation_id}"
