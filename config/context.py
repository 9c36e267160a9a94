from typing import Any

from django.conf import settings
from django.http import HttpRequest

from database.clock import known_now
from eligibility.sessions import named


def portal(request: HttpRequest) -> dict[str, Any]:
    """Template context of every page: the time, who is signed in, and the sample campaign flag."""
    return {"now": known_now(), "who": named(request), "sample": settings.SAMPLE}
