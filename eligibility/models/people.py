"""People, their decisions, and who books for whom."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from eligibility.enums import ProxyAnswer, Source
from eligibility.models.cohorts import CODE, Cohort
from privacy.fields import EncryptedDateField, EncryptedTextField
from web.codes import random_uuid


class Person(models.Model):
    """A person who can be booked for. The resident registration number is stored nowhere."""

    # The authority's own key; NULL for a person who is not on the roster.
    roster_key = models.CharField(  # noqa: DJ001 - many without one, unique where there is one
        _("roster key"), max_length=64, null=True, blank=True
    )
    # Hash of the person's last roster row: an import does not write unchanged rows again.
    roster_digest = models.BinaryField(max_length=16, null=True, editable=False)
    source = models.CharField(_("source"), max_length=8, choices=Source, default=Source.DECLARED)
    name = EncryptedTextField(_("name"))
    birth_date = EncryptedDateField(_("date of birth"))
    phone = EncryptedTextField(_("mobile phone"))
    region = models.CharField(_("region"), max_length=20, blank=True)
    district = models.CharField(_("district"), max_length=30, blank=True)
    # Occupation and risk groups, by the authority's codes.
    groups = ArrayField(
        models.CharField(max_length=40, validators=[CODE]),
        verbose_name=_("groups"),
        default=list,
        blank=True,
    )
    last_dose_on = EncryptedDateField(_("last dose on"), null=True, blank=True)
    # When a certified provider, or staff who saw the identity card of a person of the roster, last
    # vouched for name and birth date.
    certified_at = models.DateTimeField(_("certified at"), null=True, blank=True)
    # Blind indexes (eligibility.indexes) of the encrypted columns. The first is unique: one row for
    # one name, birth date and phone.
    identity_index = models.BinaryField(max_length=16, unique=True, editable=False)
    name_birth_index = models.BinaryField(max_length=16, db_index=True, editable=False)
    phone_index = models.BinaryField(max_length=16, db_index=True, editable=False)
    # Copied into every sign-in cookie; raising it signs the person out everywhere, also as a proxy.
    session_generation = models.PositiveIntegerField(db_default=0, editable=False)
    # Numbers (sessions.Claim.number) of sessions that the person signed out of one by one.
    ended_sessions = ArrayField(models.BigIntegerField(), db_default=[], editable=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    # The language in which the person last proved who they are, or which they chose since.
    language = models.CharField(_("language"), max_length=10, db_default="ko", editable=False)
    # When name, birth date and phone were destroyed; the row stays for statistics.
    forgotten_at = models.DateTimeField(_("forgotten at"), null=True, editable=False)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            # Not unique=True on the field: for text that adds a second, LIKE index nothing uses.
            models.UniqueConstraint(fields=["roster_key"], name="one_person_per_roster_key"),
            models.CheckConstraint(
                condition=~Q(source=Source.ROSTER) | Q(roster_key__isnull=False),
                name="roster_person_has_a_roster_key",
            ),
        ]

    def __str__(self) -> str:
        # A number, not a name: this text reaches logs and admin titles.
        return f"#{self.pk}"


class Decision(models.Model):
    """The eligibility decision for one person and cohort, with its window.

    A yes is never revoked within its window, whatever the rules become.
    """

    person = models.ForeignKey(
        Person, on_delete=models.CASCADE, related_name="decisions", verbose_name=_("person")
    )
    cohort = models.ForeignKey(
        Cohort, on_delete=models.PROTECT, related_name="decisions", verbose_name=_("cohort")
    )
    eligible = models.BooleanField(_("eligible"))
    rule = models.CharField(_("rule"), max_length=30)
    # [code, values] pairs; eligibility.reasons makes sentences of them in the reader's language.
    reasons = models.JSONField(_("reasons"), default=list)
    window_from = models.DateTimeField(_("from"))
    window_to = models.DateTimeField(_("to"))
    # A yes that lasts while a review is open: it lets the person queue, not enter.
    provisional = models.BooleanField(_("provisional"), default=False)
    decided_at = models.DateTimeField(_("decided at"), db_default=Now())

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        constraints = [
            models.UniqueConstraint(
                fields=["person", "cohort"], name="one_decision_per_person_and_cohort"
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.cohort.code} {self.rule}"


class ProxyRequest(models.Model):
    """A request to book for another person. The typed details are not matched before the yes.

    The answer comes from the typed phone, by the link in the message to it, or from the counter.
    The typed details are destroyed with the answer.
    """

    by = models.ForeignKey(
        Person, on_delete=models.CASCADE, related_name="proxy_requests", verbose_name=_("asked by")
    )
    name = EncryptedTextField(_("name"))
    birth_date = EncryptedDateField(_("date of birth"), null=True)
    phone = EncryptedTextField(_("mobile phone"))
    phone_index = models.BinaryField(max_length=16, editable=False)
    # The secret of the answer link; only the message to that phone has it.
    token = models.UUIDField(default=random_uuid, unique=True, editable=False)
    asked_at = models.DateTimeField(_("asked at"), db_default=Now(), editable=False)
    # NULL if no message was written, as the phone had one of this kind that day.
    told_at = models.DateTimeField(_("message written at"), null=True, editable=False)
    answer = models.CharField(
        _("answer"), max_length=9, choices=ProxyAnswer, default=ProxyAnswer.WAITING
    )
    answered_at = models.DateTimeField(_("answered at"), null=True, editable=False)
    # "phone", "staff:<user id>", or "system" for a request that grew too old.
    answered_by = models.CharField(_("answered by"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("request to book for somebody")
        verbose_name_plural = _("requests to book for somebody")
        constraints = [
            models.CheckConstraint(
                condition=Q(answer=ProxyAnswer.WAITING, answered_at__isnull=True)
                | (~Q(answer=ProxyAnswer.WAITING) & Q(answered_at__isnull=False)),
                name="answered_proxy_request_has_its_time",
            )
        ]
        indexes = [
            models.Index(fields=["phone_index", "asked_at"], name="proxy_requests_by_phone"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Proxy(models.Model):
    """`by` may book for `person`, who agreed. Either of them can end it."""

    person = models.ForeignKey(
        Person, on_delete=models.CASCADE, related_name="proxies", verbose_name=_("person")
    )
    by = models.ForeignKey(
        Person, on_delete=models.CASCADE, related_name="wards", verbose_name=_("declared by")
    )
    declared_at = models.DateTimeField(_("agreed at"), db_default=Now(), editable=False)
    # Whether the proxy sees bookings made before `declared_at`.
    shows_earlier = models.BooleanField(_("sees earlier bookings"), default=False)
    # Who agreed: "phone", or "staff:<user id>" at the counter.
    agreed_by = models.CharField(_("agreed by"), max_length=40, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, editable=False)
    # Who ended it: the person, or the proxy.
    ended_by = models.ForeignKey(
        Person, on_delete=models.CASCADE, null=True, editable=False, related_name="+"
    )

    class Meta:
        verbose_name = _("proxy")
        verbose_name_plural = _("proxies")
        constraints = [
            models.UniqueConstraint(
                fields=["person"],
                condition=Q(ended_at__isnull=True),
                name="one_live_proxy_per_person",
            ),
            models.CheckConstraint(condition=~Q(person=F("by")), name="nobody_is_their_own_proxy"),
        ]

    def __str__(self) -> str:
        return f"{self.by_id} → {self.person_id}"
