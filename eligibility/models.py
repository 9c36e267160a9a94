import uuid

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from eligibility.enums import (
    Correctable,
    Order,
    Proof,
    ProxyAnswer,
    ReviewReason,
    ReviewStatus,
    Source,
    UploadStatus,
)
from privacy.fields import EncryptedDateField, EncryptedTextField

CODE = RegexValidator(r"^[a-z0-9][a-z0-9-]*$", _("Use small letters a to z, digits and hyphens."))


@pghistory.track()
class Cohort(models.Model):
    """People born between two dates (both included) who may book within one window."""

    code = models.CharField(_("code"), max_length=40, unique=True, validators=[CODE])
    name_ko = models.CharField(_("name in Korean"), max_length=60)
    name_en = models.CharField(_("name in English"), max_length=60)
    birth_from = models.DateField(_("born from"))
    birth_to = models.DateField(_("born until"))
    opens_at = models.DateTimeField(_("opens at"))
    closes_at = models.DateTimeField(_("closes at"))
    order = models.CharField(_("order"), max_length=4, choices=Order, default=Order.DRAW)
    proof = models.CharField(_("proof"), max_length=8, choices=Proof, default=Proof.ROSTER)
    # Where several cohorts fit, the highest comes first.
    priority = models.SmallIntegerField(_("priority"), default=0)

    # Further conditions; empty means that it does not matter.
    members_only = models.BooleanField(_("only people on the roster"), default=False)
    regions = ArrayField(
        models.CharField(max_length=20), verbose_name=_("regions"), default=list, blank=True
    )
    groups = ArrayField(
        models.CharField(max_length=40, validators=[CODE]),
        verbose_name=_("one of these groups"),
        default=list,
        blank=True,
    )
    excluded_groups = ArrayField(
        models.CharField(max_length=40, validators=[CODE]),
        verbose_name=_("none of these groups"),
        default=list,
        blank=True,
    )
    min_days_since_dose = models.PositiveSmallIntegerField(
        _("days since the last dose, at least"), null=True, blank=True
    )
    # Ten-day rotation: on a day that ends in the same digit as the birth day, from the clock
    # time of the opening, for so many hours.
    digit_hours = models.PositiveSmallIntegerField(
        _("birth-digit calendar: hours a day"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(24)],
    )
    vaccines = ArrayField(
        models.CharField(max_length=20, validators=[CODE]),
        verbose_name=_("vaccine codes"),
        default=list,
        blank=True,
    )

    class Meta:
        verbose_name = _("cohort")
        verbose_name_plural = _("cohorts")
        ordering = ["opens_at", "code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(birth_from__lte=F("birth_to")), name="cohort_births_in_order"
            ),
            models.CheckConstraint(
                condition=Q(opens_at__lt=F("closes_at")), name="cohort_opens_before_it_closes"
            ),
            models.CheckConstraint(
                condition=Q(digit_hours__isnull=True) | Q(digit_hours__range=(1, 24)),
                name="digit_hours_fit_a_day",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.name_ko if (get_language() or "ko").startswith("ko") else self.name_en


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
    # When a certified provider last vouched for name and birth date.
    certified_at = models.DateTimeField(_("certified at"), null=True, blank=True)
    # Blind indexes (eligibility.indexes) of the encrypted columns. The first is unique: one row for
    # one name, birth date and phone.
    identity_index = models.BinaryField(max_length=16, unique=True, editable=False)
    name_birth_index = models.BinaryField(max_length=16, db_index=True, editable=False)
    phone_index = models.BinaryField(max_length=16, db_index=True, editable=False)
    # Copied into every sign-in cookie; raising it signs the person out everywhere, also as a proxy.
    session_generation = models.PositiveIntegerField(db_default=0, editable=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
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


class PhoneCode(models.Model):
    """One sign-in attempt: the typed details, and the hash of the code sent to the phone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = EncryptedTextField(_("name"))
    birth_date = EncryptedDateField(_("date of birth"))
    phone = EncryptedTextField(_("mobile phone"))
    phone_index = models.BinaryField(max_length=16, editable=False)
    # Keyed hash of the network that asked, or of a browser that proved this phone before.
    source_index = models.BinaryField(max_length=16, null=True, editable=False)
    from_known_browser = models.BooleanField(default=False, editable=False)
    # Keyed hash bound to the row and to `sends`: a resend invalidates the code before it.
    code_hash = models.BinaryField(max_length=16, editable=False)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    # Codes sent in all, the first one included.
    sends = models.PositiveSmallIntegerField(_("codes sent"), default=0)
    sent_at = models.DateTimeField(_("sent at"))
    expires_at = models.DateTimeField(_("expires at"))
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)
    # The code was right; the district is still needed (DistrictUnclear).
    awaits_district = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("phone code")
        verbose_name_plural = _("phone codes")
        constraints = [
            models.CheckConstraint(condition=Q(tries__lte=5), name="phone_code_has_five_tries")
        ]
        indexes = [
            # Read by services.code_limits before each code, and by the daily purge.
            models.Index(fields=["phone_index", "sent_at"], name="phone_codes_by_phone"),
            models.Index(fields=["expires_at"], name="phone_codes_by_end"),
            models.Index(fields=["source_index", "sent_at"], name="phone_codes_by_source"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


@pghistory.track()
class CohortChange(models.Model):
    """A planned change of a cohort's rule; in force from `takes_effect_at` by itself."""

    cohort = models.ForeignKey(
        Cohort, on_delete=models.PROTECT, related_name="changes", verbose_name=_("cohort")
    )
    takes_effect_at = models.DateTimeField(_("takes effect at"))
    # Cohort field name → new value in JSON form (facts.read_value parses it).
    values = models.JSONField(_("new values"))
    by = models.CharField(_("by"), max_length=40)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    applied_at = models.DateTimeField(_("applied at"), null=True, editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, editable=False)

    class Meta:
        verbose_name = _("change of a cohort")
        verbose_name_plural = _("changes of cohorts")
        ordering = ["takes_effect_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(applied_at__isnull=True) | Q(withdrawn_at__isnull=True),
                name="change_applied_or_withdrawn",
            )
        ]

    def __str__(self) -> str:
        return f"{self.cohort_id} {self.takes_effect_at:%Y-%m-%d %H:%M}"


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
    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
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


class ProviderAccount(models.Model):
    """The person of a certified provider's subject; the subject is stored as a blind index."""

    provider = models.CharField(_("provider"), max_length=20)
    subject_index = models.BinaryField(max_length=16, editable=False)
    person = models.ForeignKey(
        Person, on_delete=models.CASCADE, related_name="accounts", verbose_name=_("person")
    )
    linked_at = models.DateTimeField(_("linked at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("provider account")
        verbose_name_plural = _("provider accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "subject_index"], name="one_person_per_provider_subject"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} #{self.person_id}"


class ProviderTry(models.Model):
    """One success or failure of an identity provider; its traffic light is computed from these."""

    provider = models.CharField(_("provider"), max_length=20)
    at = models.DateTimeField(_("at"), db_default=Now())
    worked = models.BooleanField(_("worked"))
    seconds = models.FloatField(_("seconds"))

    class Meta:
        verbose_name = _("try of a provider")
        verbose_name_plural = _("tries of providers")
        indexes = [models.Index(fields=["provider", "at"], name="provider_tries_by_time")]

    def __str__(self) -> str:
        return f"{self.provider} {self.at:%H:%M:%S}"


class ProviderAnswer(models.Model):
    """The late answer of a slow provider, for the browser that waits for it; read once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # JSON of eligibility.services.exchanges.Outcome. The encryption binds a value to the name of
    # its column, so a field that is renamed keeps it.
    outcome = EncryptedTextField(_("outcome"), null=True, db_column="said")
    made_at = models.DateTimeField(_("made at"), db_default=Now(), db_index=True)

    class Meta:
        verbose_name = _("answer of a provider")
        verbose_name_plural = _("answers of providers")

    def __str__(self) -> str:
        return str(self.pk)


class Correction(AuthorityRequest):
    """A person asks to correct a stored value of theirs; the health authority decides."""

    person = models.ForeignKey(
        Person, on_delete=models.CASCADE, related_name="corrections", verbose_name=_("person")
    )
    field = models.CharField(_("field"), max_length=10, choices=Correctable)
    wanted = EncryptedTextField(_("wanted"))

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


class RosterUpload(models.Model):
    """A roster file uploaded in the admin and imported by a worker."""

    # Name of the file as uploaded; the bytes lie under services.uploads.upload_path.
    file = models.CharField(_("file"), max_length=200)
    status = models.CharField(
        _("status"), max_length=8, choices=UploadStatus, default=UploadStatus.WAITING
    )
    skip_refused = models.BooleanField(_("take the good rows only"), default=False)
    report = models.TextField(_("report"), blank=True)
    by = models.CharField(_("by"), max_length=40)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended at"), null=True, editable=False)

    class Meta:
        verbose_name = _("roster upload")
        verbose_name_plural = _("roster uploads")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"#{self.pk}"
