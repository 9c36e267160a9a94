from django.db import models
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from staff.models.users import User


class OpenIdAccount(models.Model):
    """An account at the staff's identity provider, by which its owner signs in here."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    issuer = models.CharField(_("issuer"), max_length=200)
    subject = models.CharField(_("subject"), max_length=255)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("account at the identity provider")
        verbose_name_plural = _("accounts at the identity provider")
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "subject"], name="one_user_per_openid_subject"
            ),
            # A second one would be a second way into the account that its owner may not know of.
            models.UniqueConstraint(fields=["issuer", "user"], name="one_openid_subject_per_user"),
        ]

    def __str__(self) -> str:
        return f"{self.issuer} {self.subject}"
