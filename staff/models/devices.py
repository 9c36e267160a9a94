"""What a person holds beside the password. Tries are counted by staff.limits, for all of them."""

import hashlib
import hmac
import secrets
from base64 import b32encode
from urllib.parse import quote, urlencode

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device
from django_otp.oath import TOTP

from database.clock import Now, known_now
from privacy.fields import EncryptedTextField

ISSUER = "Jari"
KEY_BYTES = 20  # as RFC 4226 recommends for HMAC-SHA-1, which is all that every app can do
CODES = 10
# Without the letters that are mixed up with digits: 32 of them, 5 bits each.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CODE_LENGTH = 12


class Authenticator(Device):  # type: ignore[misc]  # django-otp has no types
    """An app that shows a new code every 30 seconds (RFC 6238)."""

    key = EncryptedTextField()  # in hexadecimal
    last_step = models.BigIntegerField(default=-1, editable=False)  # a code is good once
    made_at = models.DateTimeField(_("made at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("authenticator")
        verbose_name_plural = _("authenticators")

    def verify_token(self, token: str) -> bool:
        """Whether this is the code of now, or of the step before or after; the row is locked."""
        step = matching_step(self.key, token, after=self.last_step)
        if step is None:
            return False
        self.last_step = step
        self.save(update_fields=["last_step"])
        return True


def new_key() -> str:
    return secrets.token_bytes(KEY_BYTES).hex()


def matching_step(key: str, token: str, *, after: int = -1) -> int | None:
    """The time step of which `token` is the code; None if of none near now."""
    digits = "".join(token.split())
    if not (digits.isascii() and digits.isdecimal() and len(digits) == 6):
        return None
    totp = TOTP(bytes.fromhex(key))
    totp.time = known_now().timestamp()
    if not totp.verify(int(digits), tolerance=1, min_t=after + 1):
        return None
    step: int = totp.t()
    return step


def address_of(key: str, username: str) -> str:
    """What the QR code says to the app: otpauth://totp/Jari:name?secret=…"""
    query = urlencode({"secret": readable(key).replace(" ", ""), "issuer": ISSUER})
    return f"otpauth://totp/{quote(f'{ISSUER}:{username}')}?{query}"


def readable(key: str) -> str:
    """For typing it in by hand, in groups of four."""
    text = b32encode(bytes.fromhex(key)).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


class RecoveryCodes(Device):  # type: ignore[misc]  # django-otp has no types
    """Ten codes on paper, each good once; only their hashes are kept.

    A code has 60 random bits, so a plain hash can't be searched through.
    """

    hashes = ArrayField(models.CharField(max_length=64), default=list)
    made_at = models.DateTimeField(_("made at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("recovery codes")
        verbose_name_plural = _("recovery codes")

    def verify_token(self, token: str) -> bool:
        digest = _digest(token)
        kept = [known for known in self.hashes if not hmac.compare_digest(known, digest)]
        if len(kept) == len(self.hashes):
            return False
        self.hashes = kept
        self.save(update_fields=["hashes"])
        return True

    def renew(self) -> list[str]:
        """New codes instead of the old ones; shown once, never readable again."""
        codes = [_code() for _ in range(CODES)]
        self.hashes = [_digest(code) for code in codes]
        self.save()
        return codes


def _code() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
    return "-".join(letters[start : start + 4] for start in range(0, _CODE_LENGTH, 4))


def _digest(code: str) -> str:
    plain = "".join(sign for sign in code.upper() if sign.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()
