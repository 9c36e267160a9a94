from typing import Any

from django.conf import settings
from django.http import HttpRequest

from database.clock import known_now
from eligibility.sessions import named


def portal(request: HttpRequest) -> dict[str, Any]:
    """What every page shows: the server's clock, who is signed in, whether this is a sample."""
    return {"now": known_now(), "who": named(request), "sample": settings.SAMPLE}
