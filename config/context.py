from django.conf import settings
from django.utils import timezone

from eligibility.sessions import signed_in


def portal(request):
    """What every page shows: the server's clock, who is signed in, whether this is a sample."""
    return {"now": timezone.now(), "who": signed_in(request), "sample": settings.SAMPLE}
