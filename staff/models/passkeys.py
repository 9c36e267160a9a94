"""Passkeys: WebAuthn credentials that sign a user in alone, or after the password."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device

from database.clock import Now

MOST = 10  # of one user


class Passkey(Device):  # type: ignore[misc]  # django-otp has no types
    """The public half of a credential. `name` is what its owner calls it.

    A credential proves possession and, as user verification is required, also a PIN or a finger.
    """

    credential_id = models.BinaryField(max_length=1023, editable=False)
    public_key = models.BinaryField(editable=False)  # COSE_Key
    # What authenticators know the user by: random, the same for all passkeys of one user.
    handle = models.BinaryField(max_length=64, editable=False)
    sign_count = models.BigIntegerField(default=0, editable=False)
    # Whether its provider copies it to the owner's other devices.
    is_synced = models.BooleanField(_("copied to other devices"), default=False, editable=False)
    # When the newest challenge was made that it answered, in microseconds: only a later one
    # counts, so that each answer counts once.
    challenged_at = models.BigIntegerField(default=0, editable=False)
    made_at = models.DateTimeField(_("made at"), db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    class Meta:
        verbose_name = _("passkey")
        verbose_name_plural = _("passkeys")
        constraints = [
            models.UniqueConstraint(fields=["credential_id"], name="one_row_per_credential"),
            models.UniqueConstraint(fields=["user", "name"], name="passkeys_of_a_user_have_names"),
        ]
