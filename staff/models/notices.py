from django.db import models
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from staff.enums import NoticeKind
from staff.models.users import User


class Notice(models.Model):
    """What changed about an account, or about signing in to it, for its owner.

    Sent to the account's e-mail address, and shown at the next sign-in until it was read.
    """

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="notices", verbose_name=_("user")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=NoticeKind)
    data = models.JSONField(default=dict)  # for the texts of staff.notices
    by = models.CharField(_("by"), max_length=40)  # staff.actors
    at = models.DateTimeField(_("at"), db_default=Now(), editable=False)
    read_at = models.DateTimeField(_("read at"), null=True, editable=False)

    class Meta:
        verbose_name = _("notice about an account")
        verbose_name_plural = _("notices about accounts")
        indexes = [models.Index(fields=["user", "-at"], name="notices_of_a_user")]

    def __str__(self) -> str:
        return f"#{self.pk}"
