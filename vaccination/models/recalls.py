"""Recalls of a lot."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from booking.models import Clinic, Vaccine
from database.clock import Now
from vaccination.enums import RecallStatus


class Recall(models.Model):
    """A message to everybody who got a lot, at one clinic or at all; sent in batches by a job."""

    vaccine = models.ForeignKey(
        Vaccine, on_delete=models.PROTECT, related_name="+", verbose_name=_("vaccine")
    )
    lot_number = models.CharField(_("lot number"), max_length=20)
    # NULL: at all clinics, by the health authority.
    clinic = models.ForeignKey(
        Clinic,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="recalls",
        verbose_name=_("clinic"),
    )
    # A practice finds and counts the people; no message is written.
    practice = models.BooleanField(_("practice"), default=False)
    text_ko = models.CharField(_("message in Korean"), max_length=300)
    text_en = models.CharField(_("message in English"), max_length=300, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=RecallStatus, default=RecallStatus.WAITING
    )
    # Doses found at the start, and those done so far: up to `last_dose_id` of `last_lot_id`, in
    # the order of both. The batch and this cursor are committed together.
    people = models.PositiveIntegerField(_("people"), default=0)
    done = models.PositiveIntegerField(_("done"), default=0)
    written = models.PositiveIntegerField(_("messages"), default=0)
    last_lot_id = models.BigIntegerField(default=0, editable=False)
    last_dose_id = models.BigIntegerField(default=0, editable=False)
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    by = models.CharField(_("by"), max_length=40)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("recall")
        verbose_name_plural = _("recalls")
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["lot_number"], name="recalls_by_number")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status=RecallStatus.DONE, ended_at__isnull=False)
                | (~Q(status=RecallStatus.DONE) & Q(ended_at__isnull=True)),
                name="recall_that_is_done_has_an_end",
            )
        ]

    def __str__(self) -> str:
        return self.lot_number

    def text_in(self, language: str) -> str:
        return self.text_ko if language.startswith("ko") else self.text_en or self.text_ko
