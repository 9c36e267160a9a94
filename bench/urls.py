import os

from django.http import HttpResponse
from django.urls import path

import config.urls
from booking.fast_path import FastBooking, FastPages
from web import moulds

# What a bench leaves out of the portal, to measure what it brings.
LEFT_OUT = os.environ.get("JARI_BENCH", "")
moulds.enabled = "moulds" not in LEFT_OUT


async def left_to_django(*_asked, **_of) -> None:
    return None


if "fast" in LEFT_OUT:
    FastPages.__call__ = left_to_django
if "pages" in LEFT_OUT:
    FastBooking._list = FastBooking._receipt = left_to_django
urlpatterns = [path("empty/", lambda request: HttpResponse(b"ok")), *config.urls.urlpatterns]
