"""Password rules for staff: length, no known passwords, no words of the service.

No composition rules (OWASP ASVS 5.0, 6.2.5). The list of known passwords is part of the portal, so
that no part of a password is sent to a service.
"""

import hashlib
import re
from bisect import bisect_left
from functools import cache
from pathlib import Path

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from staff.models import User

LEAST, MOST = 12, 128  # characters
# Digits only: longer than a phone number or a birth date.
LEAST_DIGITS = 15
_FILE = Path(__file__).resolve().parent / "data" / "known_passwords.bin"
# Bytes of each sorted, truncated SHA-256. One in 25 million other passwords is refused by chance.
_WIDTH = 5

# First guesses at this portal, with Korean words also as typed on an English keyboard.
SERVICE_WORDS = [
    *("jari", "wkfl", "vaccine", "vaccination", "vaccinate", "corona", "covid", "pfizer"),
    *("moderna", "janssen", "clinic", "hospital", "health", "authority", "operator", "local"),
    *("auditor", "manager", "staff", "admin", "booking", "sample", "password", "passwort"),
    *("korea", "seoul", "kdca", "welcome", "qwerty", "letmein"),
    *(
        "자리",
        "예약",
        "백신",
        "접종",
        "예방",
        "의원",
        "병원",
        "보건소",
        "질병청",
        "코로나",
        "관리자",
    ),
    *("관리자", "비밀번호", "dPdir", "qortls", "wjqwhd", "qlalfqjsgh"),
]
# Distinct letters that must remain once the service's words are removed.
_OWN_LETTERS = 6
_LOOKALIKES = str.maketrans("013457@$!", "oieastasi")


class LengthValidator:
    def validate(self, password: str, user: User | None = None) -> None:
        if len(password) < LEAST:
            raise ValidationError(
                _("A password has at least %(n)s characters; three or four words are fine.")
                % {"n": LEAST}
            )
        if len(password) > MOST:
            raise ValidationError(_("A password has at most %(n)s characters.") % {"n": MOST})
        if password.isdecimal() and len(password) < LEAST_DIGITS:
            raise ValidationError(
                _("A password of digits alone has at least %(n)s of them.") % {"n": LEAST_DIGITS}
            )

    def get_help_text(self) -> str:
        return _(
            "At least %(n)s characters of any kind; three or four words that don't belong together "
            "are good. Digits alone: at least %(digits)s."
        ) % {"n": LEAST, "digits": LEAST_DIGITS}


class KnownPasswordValidator:
    def validate(self, password: str, user: User | None = None) -> None:
        if is_known(password):
            raise ValidationError(
                _("This password is in lists that guessers use. Choose another one.")
            )

    def get_help_text(self) -> str:
        return _("None that is known from the lists that guessers use.")


class ServiceWordValidator:
    def validate(self, password: str, user: User | None = None) -> None:
        if is_made_of_service_words(password, user):
            raise ValidationError(
                _(
                    "This is little more than the name of this service, of your place or of your "
                    "account. Choose words that have nothing to do with it."
                )
            )

    def get_help_text(self) -> str:
        return _("Not the name of this service, of your place of work or your account.")


def is_well_known(password: str, user: User | None) -> bool:
    """Whether it is a likely guess at this portal, so that its owner must change it."""
    return is_known(password) or is_made_of_service_words(password, user)


def is_known(password: str) -> bool:
    """Whether the password, with or without usual endings (digits and signs), is in the list."""
    plain = password.casefold()
    return any(_in_list(text) for text in {plain, plain.rstrip("0123456789!?.*#@")})


def _in_list(text: str) -> bool:
    digest = hashlib.sha256(text.encode()).digest()[:_WIDTH]
    hashes = _hashes()
    index = bisect_left(range(len(hashes) // _WIDTH), digest, key=lambda n: _at(hashes, n))
    return index < len(hashes) // _WIDTH and _at(hashes, index) == digest


@cache
def _hashes() -> bytes:
    return _FILE.read_bytes()


def _at(hashes: bytes, number: int) -> bytes:
    return hashes[number * _WIDTH : (number + 1) * _WIDTH]


def is_made_of_service_words(password: str, user: User | None) -> bool:
    """Whether too few letters remain without the service's words and the user's own names.

    jari2026, J@ri-Clinic-01, the user's name with a year.
    """
    words = {word.casefold() for word in [*SERVICE_WORDS, *_words_of(user)] if len(word) > 1}
    # Longest first: removing "vaccine" first would leave "ation" of "vaccination".
    longest_first = sorted(words, key=len, reverse=True)
    for text in (password.casefold(), password.casefold().translate(_LOOKALIKES)):
        remaining = text
        for word in longest_first:
            remaining = remaining.replace(word, " ")
        if remaining != text and len(set(re.sub(r"[\W\d_]", "", remaining))) < _OWN_LETTERS:
            return True
    return False


def _words_of(user: User | None) -> list[str]:
    if user is None:
        return []
    clinic = user.clinic if user.clinic_id else None
    names = [user.username, user.first_name, user.last_name, user.region, user.district]
    names += [clinic.name, clinic.code] if clinic else []
    return [word for name in names for word in re.split(r"[\W_]+", name)]
