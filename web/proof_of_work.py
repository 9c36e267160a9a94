"""Proof of work that a browser does instead of being refused when a limit is exceeded.

ALTCHA's challenges (version 2, PBKDF2), created and verified here. A browser without scripts waits
a minute instead (`new_wait`).
"""

import base64
import hashlib
import json
import secrets
from datetime import timedelta
from typing import Any

import altcha
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from redis import RedisError

from database import signing
from database.clock import known_now

LIFETIME = timedelta(minutes=10)
PATIENCE = timedelta(minutes=1)
# About a second on a phone, which derives up to _LEAST + _SPREAD keys; 0.3 ms here, for one key.
_COST, _LEAST, _SPREAD = 1000, 3000, 3000
_SALT = "web.proof_of_work"
# Template context of a page that asks for no proof of work.
NO_WORK = {"challenge": "", "wait": ""}


def work_for(subject: str, *, times: int = 1) -> dict[str, str]:
    """Template context of components/work.html: a challenge, `times` the usual work, and a wait
    token that is bound to `subject`."""
    return {"challenge": new_challenge(times=times), "wait": new_wait(subject)}


def was_done(request: HttpRequest, subject: str) -> bool:
    """Whether the form carries a proof of work, or a wait token a minute old; each counts once."""
    return is_done(request.POST.get("work", "")) or has_waited(
        request.POST.get("wait", ""), subject
    )


def _secret(purpose: str) -> str:
    return salted_hmac(_SALT, purpose, algorithm="sha256").hexdigest()


def new_challenge(*, times: int = 1) -> str:
    """A challenge as JSON, for the page."""
    challenge = altcha.create_challenge(
        "PBKDF2/SHA-256",
        _COST,
        counter=(_LEAST + secrets.randbelow(_SPREAD)) * times,
        # Not ALTCHA's own `expires`: that compares with this node's clock, not the database's.
        data={"until": int((known_now() + LIFETIME).timestamp()), "times": times},
        hmac_secret=_secret("challenge"),
        hmac_key_secret=_secret("key"),
    )
    return json.dumps(challenge.to_dict())


def is_done(payload: str) -> bool:
    """Whether `payload` solves a challenge of this site, in time and for the first time."""
    solution = solution_of(payload)
    return solution is not None and _first_time(solution)


def solution_of(payload: str, *, times: int = 1) -> str | None:
    """What tells this solution from others, if it solves a challenge of this site of `times` the
    usual work, in time. The caller sees to it that it counts once."""
    # Untrusted input; a real payload has fewer than 1,000 letters.
    if not payload or len(payload) > 4000:
        return None
    result = altcha.verify_solution(payload, _secret("challenge"), hmac_key_secret=_secret("key"))
    if not result.verified:
        return None
    challenge = json.loads(base64.b64decode(payload))["challenge"]
    data: dict[str, Any] = challenge["parameters"]["data"]
    if data["until"] < known_now().timestamp() or data.get("times", 1) < times:
        return None
    # Replays are found by the challenge's signature: the payload itself can be re-encoded.
    return _fingerprint(challenge["signature"])


def new_wait(subject: str) -> str:
    """A signed token for a browser without scripts: valid for `subject` once, PATIENCE after now.

    It carries a random part, as two pages of one second are two tokens.
    """
    now = int(known_now().timestamp())
    return signing.dumps([_bound_to(subject), now, secrets.token_urlsafe(6)], salt=_SALT)


def has_waited(token: str, subject: str) -> bool:
    wait = wait_of(token, subject)
    return wait is not None and _first_time(wait)


def wait_of(token: str, subject: str) -> str | None:
    """What tells this wait token from others, if it is for `subject` and old enough."""
    try:
        bound_to, since, _random = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError):
        return None
    age = timedelta(seconds=known_now().timestamp() - since)
    fits = bound_to == _bound_to(subject) and PATIENCE <= age < LIFETIME
    return _fingerprint(token) if fits else None


def _bound_to(subject: str) -> str:
    # Typed text; lone surrogates, which can't be hashed, are replaced.
    typed = subject[:200].encode(errors="replace").decode()
    return salted_hmac(f"{_SALT}.wait", typed, algorithm="sha256").hexdigest()[:32]


def _fingerprint(answer: str) -> str:
    return hashlib.sha256(answer.encode()).hexdigest()


def _first_time(fingerprint: str) -> bool:
    """Mark a solution as used; False if it was. Without Redis always True: the limits that ask for
    work are off then too."""
    try:
        added = cache.add(f"work:{fingerprint}", 1, timeout=LIFETIME.total_seconds())
    except RedisError:
        return True
    return bool(added)
