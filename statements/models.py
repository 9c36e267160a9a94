import pghistory
from django.core.validators import MaxLengthValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from dataio.districts import REGIONS
from statements.enums import Days, Subject
from web.language import reads_korean
from web.times import hour_of

MOST_LETTERS = 20_000
MARKUP = _("“## ” begins a heading, “- ” an item of a list. No HTML.")
OPTIONAL = _("Empty: readers of this language get the text in English.")


@pghistory.track()
class Statement(models.Model):
    """The authority's text on a subject; its history holds the earlier ones.

    Readers of a language that has none read it in English.

    Without a row the page shows the sample text of statements/texts.
    """

    subject = models.CharField(_("subject"), max_length=20, choices=Subject, unique=True)
    text_ko = models.TextField(
        _("text in Korean"), validators=[MaxLengthValidator(MOST_LETTERS)], help_text=MARKUP
    )
    text_en = models.TextField(
        _("text in English"), validators=[MaxLengthValidator(MOST_LETTERS)], help_text=MARKUP
    )
    text_zh_hans = models.TextField(
        _("text in Chinese"),
        validators=[MaxLengthValidator(MOST_LETTERS)],
        blank=True,
        db_default="",
        help_text=OPTIONAL,
    )
    text_vi = models.TextField(
        _("text in Vietnamese"),
        validators=[MaxLengthValidator(MOST_LETTERS)],
        blank=True,
        db_default="",
        help_text=OPTIONAL,
    )
    # Shown above the text, as a privacy policy has to name it.
    in_force_from = models.DateField(_("in force from"))
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("text for the public")
        verbose_name_plural = _("texts for the public")
        ordering = ["subject"]

    def __str__(self) -> str:
        return str(Subject(self.subject).label)


NUMBER = RegexValidator(r"\A[0-9][0-9-]{1,18}\Z", _("Digits and hyphens, as it is dialled."))


@pghistory.track()
class HelpLine(models.Model):
    """A number to call, as /help/ shows it: of one region, or of the whole country."""

    region = models.CharField(
        _("region"),
        max_length=20,
        choices=[(region, region) for region in REGIONS],
        blank=True,
        help_text=_("Empty: for the whole country."),
    )
    name_ko = models.CharField(_("name in Korean"), max_length=60)
    name_en = models.CharField(_("name in English"), max_length=60)
    number = models.CharField(_("number"), max_length=20, validators=[NUMBER])
    days = models.CharField(_("days"), max_length=8, choices=Days, default=Days.WORKDAYS)
    opens_at = models.TimeField(
        _("from"), null=True, blank=True, help_text=_("Both empty: day and night.")
    )
    closes_at = models.TimeField(_("until"), null=True, blank=True)
    relay = models.CharField(
        _("sign-language relay"),
        max_length=20,
        blank=True,
        validators=[NUMBER],
        help_text=_("The number through which people who use sign language call it; may be empty."),
    )
    active = models.BooleanField(_("shown"), default=True)

    class Meta:
        verbose_name = _("number to call")
        verbose_name_plural = _("numbers to call")
        ordering = ["region", "pk"]
        constraints = [
            models.CheckConstraint(
                # With one of the two a comparison would be NULL, which a constraint lets pass.
                condition=Q(opens_at=None, closes_at=None)
                | Q(opens_at__isnull=False, closes_at__isnull=False, opens_at__lt=F("closes_at")),
                name="help_line_has_hours_or_none",
                violation_error_message=_("Give both times, the earlier first, or none."),
            ),
            models.CheckConstraint(
                condition=Q(region__in=["", *REGIONS]), name="help_line_is_of_a_known_region"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name_ko} {self.number}"

    @property
    def name(self) -> str:
        return self.name_ko if reads_korean() else self.name_en

    @property
    def hours(self) -> str:
        """When it answers, in the reader's language."""
        days = Days(self.days).label
        if self.opens_at is None or self.closes_at is None:
            return _("%(days)s, day and night") % {"days": days}
        return f"{days}, {hour_of(self.opens_at)}–{hour_of(self.closes_at)}"
