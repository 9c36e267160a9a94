"""Second factors: authenticator apps and recovery codes. staff.limits counts their wrong tries."""

import secrets
from base64 import b32encode
from urllib.parse import quote, urlencode

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device
from django_otp.oath import TOTP

from database.clock import Now, known_now
from privacy.fields import EncryptedTextField

ISSUER = "Jari"
KEY_BYTES = 20  # recommended by RFC 4226 for HMAC-SHA-1, the one algorithm that all apps have
CODES = 10
# 32 letters and digits, 5 bits each; those that look alike are left out.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CODE_LENGTH, _GROUP = 16, 4


class Authenticator(Device):  # type: ignore[misc]  # django-otp has no types
    """A TOTP app, with a new code every 30 seconds (RFC 6238)."""

    key = EncryptedTextField()  # in hexadecimal
    # Time step of the last accepted code: it and earlier ones are refused, so each works once.
    last_step = models.BigIntegerField(default=-1, editable=False)
    made_at = models.DateTimeField(_("made at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("authenticator")
        verbose_name_plural = _("authenticators")

    def verify_token(self, token: str) -> bool:
        """Whether `token` is the code of this or a neighbouring time step; call it under a lock."""
        step = matching_step(self.key, token, after=self.last_step)
        if step is None:
            return False
        self.last_step = step
        self.save(update_fields=["last_step"])
        return True


def new_key() -> str:
    return secrets.token_bytes(KEY_BYTES).hex()


def matching_step(key: str, token: str, *, after: int = -1) -> int | None:
    """The time step of the code `token`, at most one away from now and above `after`; or None."""
    digits = "".join(token.split())
    if not (digits.isascii() and digits.isdecimal() and len(digits) == 6):
        return None
    totp = TOTP(bytes.fromhex(key))
    totp.time = known_now().timestamp()
    if not totp.verify(int(digits), tolerance=1, min_t=after + 1):
        return None
    step: int = totp.t()
    return step


def otpauth_uri(key: str, username: str) -> str:
    """The content of the QR code, otpauth://totp/Jari:name?secret=…"""
    query = urlencode({"secret": key_as_text(key).replace(" ", ""), "issuer": ISSUER})
    return f"otpauth://totp/{quote(f'{ISSUER}:{username}')}?{query}"


def key_as_text(key: str) -> str:
    """The key in base32 and groups of four, for typing it into an app."""
    text = b32encode(bytes.fromhex(key)).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


class RecoveryCodes(Device):  # type: ignore[misc]  # django-otp has no types
    """Ten codes on paper that replace the app, each once; only hashes of them are stored.

    The first group of a code tells which one it is, so that one slow hash is made and not ten; the
    other three, 60 random bits, are hashed like a password.
    """

    hashes = ArrayField(models.CharField(max_length=200), default=list)
    made_at = models.DateTimeField(_("made at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("recovery codes")
        verbose_name_plural = _("recovery codes")

    def verify_token(self, token: str) -> bool:
        """Whether `token` is one of the codes, which is then used up; call it under a lock."""
        name, secret = _parts(token)
        for stored in self.hashes:
            stored_name, _colon, stored_hash = stored.partition(":")
            if stored_name == name and check_password(secret, stored_hash):
                self.hashes = [other for other in self.hashes if other != stored]
                self.save(update_fields=["hashes"])
                return True
        return False

    def renew(self) -> list[str]:
        """Replace the codes by new ones and return them; they can't be read again."""
        codes: dict[str, str] = {}
        while len(codes) < CODES:
            code = _code()
            codes[_parts(code)[0]] = code
        self.hashes = [f"{name}:{make_password(_parts(code)[1])}" for name, code in codes.items()]
        self.save()
        return list(codes.values())


def _code() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
    return "-".join(letters[start : start + _GROUP] for start in range(0, _CODE_LENGTH, _GROUP))


def _parts(code: str) -> tuple[str, str]:
    """Which code it is, and its secret."""
    plain = "".join(sign for sign in code.upper() if sign.isalnum())
    return plain[:_GROUP], plain[_GROUP:]
