"""Which content coding a client takes (RFC 9110, section 12.5.3)."""

import re
from collections.abc import Sequence

_PART = re.compile(
    r"\s*([a-z0-9*_-]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?))?\s*", re.IGNORECASE
)


def coding_for(header: str, offered: Sequence[str]) -> str:
    """The offered coding that an Accept-Encoding header rates highest, the first of equal ones; ""
    (none) if it rates that higher or takes none of them. What is no rating is left out."""
    rates = {}
    for part in header.split(","):
        match = _PART.fullmatch(part)
        if match:
            rates[match[1].lower()] = float(match[2] or 1)
    others = rates.get("*", 0.0)
    best = max(offered, key=lambda coding: rates.get(coding, others), default="")
    rate = rates.get(best, others)
    return best if rate > 0 and rate >= rates.get("identity", 0.0) else ""
