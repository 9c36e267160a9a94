"""Signed values for cookies and forms, with an age by the database's clock.

Django's own use the clocks of the node that signs and of the one that reads.
"""

from datetime import timedelta
from typing import Any

from django.core import signing

from database.clock import known_now

BadSignature = signing.BadSignature


class Signer(signing.TimestampSigner):
    """TimestampSigner in Django's format, with the database's time as its timestamp."""

    def timestamp(self) -> str:
        return signing.b62_encode(int(known_now().timestamp()))

    def unsign(self, value: str, max_age: int | float | timedelta | None = None) -> str:
        text, stamp = signing.Signer.unsign(self, value).rsplit(self.sep, 1)
        if isinstance(max_age, timedelta):
            max_age = max_age.total_seconds()
        age = known_now().timestamp() - signing.b62_decode(stamp)
        if max_age is not None and age > max_age:
            raise signing.SignatureExpired(f"{age:.0f} s old, at most {max_age} s")
        return text


def dumps(value: Any, *, salt: str, compress: bool = False) -> str:
    """Sign a value for `loads` with the same salt."""
    return Signer(salt=salt).sign_object(value, compress=compress)


def loads(token: str, *, salt: str, max_age: int | timedelta | None = None) -> Any:
    """The signed value; raises BadSignature if it is forged or older than `max_age` (seconds)."""
    return Signer(salt=salt).unsign_object(token, max_age=max_age)
