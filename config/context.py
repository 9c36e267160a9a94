from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from eligibility.sessions import named


def portal(request: HttpRequest) -> dict[str, Any]:
    """What every page shows: the server's clock, who is signed in, whether this is a sample."""
    return {"now": timezone.now(), "who": named(request), "sample": settings.SAMPLE}
