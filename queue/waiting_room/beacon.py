"""drand's quicknet, the public random beacon that fixes the order of a draw. Pure functions.

Quicknet publishes a round every three seconds. A round is a BLS signature over its number: fewer
than a threshold of its operators can neither predict, choose nor forge it. Chain parameters:
https://drand.love (quicknet), pinned here.
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta

from drand_verify import verify_quicknet

QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
GENESIS = datetime.fromtimestamp(1_692_803_367, UTC)
PERIOD = timedelta(seconds=3)

_SAMPLE_TAG = b"jari/draw/sample-beacon/v1\n"


class BadBeacon(ValueError):
    """The signature is not that of the round."""


def round_after(moment: datetime) -> int:
    """The first round of quicknet that is published at or after `moment`; rounds count from 1."""
    if moment <= GENESIS:
        return 1
    return -((GENESIS - moment) // PERIOD) + 1  # -(-x // y) rounds up


def time_of(round_number: int) -> datetime:
    return GENESIS + (round_number - 1) * PERIOD


def randomness_of(round_number: int, signature: str) -> str:
    """The round's random number, 64 hexadecimal digits; raises BadBeacon for a wrong signature."""
    try:
        # verify_quicknet panics on digits that are none, which no `except Exception` catches.
        if not re.fullmatch("[0-9a-f]{96}", signature):
            raise ValueError("no signature of 48 bytes")
        return str(verify_quicknet(round_number, signature))
    except (ValueError, OverflowError, TypeError) as error:
        raise BadBeacon(f"Round {round_number} of quicknet has another signature.") from error


def sample_number(list_digest: bytes, commitment: str) -> str:
    """A substitute for the sample campaign and tests: without network, and proving nothing."""
    return hashlib.sha256(_SAMPLE_TAG + list_digest + commitment.encode()).hexdigest()
