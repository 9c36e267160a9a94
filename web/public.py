"""Whole addresses of pages, for messages and printed sheets."""

from typing import Any

from django.conf import settings
from django.urls import reverse


def public_url(name: str, *args: Any) -> str:
    site: str = settings.PUBLIC_URL
    return site + reverse(name, args=args)
