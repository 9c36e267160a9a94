"""Keys for programs: made and revoked by the health authority, shown once, stored as a hash."""

import hashlib
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q
from django.http import HttpRequest
from redis import RedisError

from database.clock import Now
from reports.models import ExportToken
from staff.models import User
from web.addresses import client_address
from web.limits import over

log = logging.getLogger(__name__)

PREFIX = "jari_"
LONGEST = timedelta(days=366)
# For one token; and for wrong ones from one address.
RATE, WRONG_RATE = "60/m", "30/10m"
USED_EVERY = timedelta(minutes=1)


class NoToken(Exception):
    """The request has no token that is good now."""


class TooOften(Exception):
    """So many requests that the next one has to wait a minute."""


def make_token(
    *,
    name: str,
    exports: Sequence[str],
    region: str,
    names: bool,
    recipient: str,
    reason: str,
    expires_at: datetime,
    by: User,
) -> tuple[ExportToken, str]:
    """The token and its key, which is not stored and can't be shown again."""
    key = PREFIX + secrets.token_urlsafe(32)
    token = ExportToken.objects.create(
        name=name,
        key_hash=_hash(key),
        hint=key[-4:],
        exports=sorted(exports),
        region=region,
        names=names,
        recipient=recipient,
        reason=reason,
        expires_at=expires_at,
        made_by=by,
    )
    return token, key


def revoke_token(*, token: ExportToken, by: User) -> None:
    """From now on it opens nothing; revoking again changes nothing."""
    good = ExportToken.objects.filter(pk=token.pk, revoked_at=None)
    good.update(revoked_at=Now(), revoked_by=by)


def _hash(key: str) -> str:
    # A plain hash is enough for 256 random bits, unlike for passwords.
    return hashlib.sha256(key.encode()).hexdigest()


def token_of(request: HttpRequest) -> ExportToken:
    """The token of a request, counted; raises NoToken or TooOften."""
    scheme, _space, key = request.headers.get("Authorization", "").partition(" ")
    token = _good(key.strip()) if scheme.lower() == "bearer" else None
    if token is None:
        address = str(client_address(request) or "")
        if key and _is_over(request, "exports.wrong", address, WRONG_RATE):
            raise TooOften
        if key:
            log.warning("a wrong token for exports")  # the line has the address
        raise NoToken
    if _is_over(request, "exports", str(token.pk), RATE):
        raise TooOften
    unused = Q(last_used_at=None) | Q(last_used_at__lt=Now() - USED_EVERY)
    ExportToken.objects.filter(unused, pk=token.pk).update(last_used_at=Now())
    return token


def _good(key: str) -> ExportToken | None:
    good = ExportToken.objects.filter(revoked_at=None, expires_at__gt=Now())
    return good.filter(key_hash=_hash(key)).first()


def _is_over(request: HttpRequest, group: str, key: str, rate: str) -> bool:
    try:
        return over(request, group=group, key=key, rate=rate)
    except RedisError:
        return False  # the tokens themselves can't be guessed
