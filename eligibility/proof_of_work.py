"""Proof of work that a browser does instead of being refused when a limit is exceeded.

ALTCHA's challenges (version 2, PBKDF2), created and verified here. A browser without scripts waits
a minute instead (`new_wait`).
"""

import base64
import hashlib
import json
import secrets
from datetime import timedelta

import altcha
from django.core.cache import cache
from django.utils.crypto import salted_hmac
from redis import RedisError

from database import signing
from database.clock import known_now
from eligibility.indexes import phone_index

LIFETIME = timedelta(minutes=10)
PATIENCE = timedelta(minutes=1)
# About a second on a phone, which derives up to _LEAST + _SPREAD keys; 0.3 ms here, for one key.
_COST, _LEAST, _SPREAD = 1000, 3000, 3000
_SALT = "eligibility.proof_of_work"


def _secret(purpose: str) -> str:
    return salted_hmac(_SALT, purpose, algorithm="sha256").hexdigest()


def new_challenge() -> str:
    """A challenge as JSON, for the page."""
    challenge = altcha.create_challenge(
        "PBKDF2/SHA-256",
        _COST,
        counter=_LEAST + secrets.randbelow(_SPREAD),
        # Not ALTCHA's own `expires`: that compares with this node's clock, not the database's.
        data={"until": int((known_now() + LIFETIME).timestamp())},
        hmac_secret=_secret("challenge"),
        hmac_key_secret=_secret("key"),
    )
    return json.dumps(challenge.to_dict())


def is_done(payload: str) -> bool:
    """Whether `payload` solves a challenge of this site, in time and for the first time."""
    # Untrusted input; a real payload has fewer than 1,000 letters.
    if not payload or len(payload) > 4000:
        return False
    result = altcha.verify_solution(payload, _secret("challenge"), hmac_key_secret=_secret("key"))
    if not result.verified:
        return False
    challenge = json.loads(base64.b64decode(payload))["challenge"]
    if challenge["parameters"]["data"]["until"] < known_now().timestamp():
        return False
    # Replays are found by the challenge's signature: the payload itself can be re-encoded.
    return _first_time(challenge["signature"])


def new_wait(phone: str) -> str:
    """A signed token for a browser without scripts: valid for `phone` once, PATIENCE after now."""
    return signing.dumps([phone_index(phone).hex(), int(known_now().timestamp())], salt=_SALT)


def has_waited(token: str, phone: str) -> bool:
    try:
        index, since = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return False
    age = timedelta(seconds=known_now().timestamp() - since)
    return index == phone_index(phone).hex() and PATIENCE <= age < LIFETIME and _first_time(token)


def _first_time(answer: str) -> bool:
    """Mark a solution as used; False if it was. Without Redis always True: the limits that ask for
    work are off then too."""
    key = f"work:{hashlib.sha256(answer.encode()).hexdigest()}"
    try:
        return bool(cache.add(key, 1, timeout=LIFETIME.total_seconds()))
    except RedisError:
        return True
