import pghistory
from django.core.validators import MaxLengthValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from statements.enums import Subject

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
