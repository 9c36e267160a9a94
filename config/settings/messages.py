"""Settings of messages: channels, providers, registered templates, budgets."""

import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured


def message_budgets(text: str) -> dict[str, tuple[int, int]]:
    """Parse `KIND=HOUR/DAY,…,other=HOUR/DAY`."""
    budgets = {}
    for part in text.split(","):
        budget = re.fullmatch(r"\s*([a-z_]+)=(\d+)/(\d+)\s*", part)
        if not budget:
            raise ImproperlyConfigured(
                "JARI_MESSAGE_BUDGETS: write KIND=HOUR/DAY for each, separated by commas, for "
                "example code=100000/1000000,other=300000/3000000"
            )
        budgets[budget[1]] = int(budget[2]), int(budget[3])
    if "other" not in budgets:
        raise ImproperlyConfigured("JARI_MESSAGE_BUDGETS: add other=HOUR/DAY.")
    return budgets


def _object(env: Any, name: str) -> dict[str, Any]:
    try:
        found: Any = env.json(name, default={})
    except ValueError:
        found = None  # without its text, which may hold a secret
    if not isinstance(found, dict):
        raise ImproperlyConfigured(f"{name}: write a JSON object.")
    return found


def anymail(env: Any) -> dict[str, Any]:
    """Anymail's settings of the mail provider, from JARI_ANYMAIL, with a time limit of our own."""
    values = _object(env, "JARI_ANYMAIL")
    return {**values, "REQUESTS_TIMEOUT": 4, "DEBUG_API_REQUESTS": False}


def kakao_templates(env: Any) -> dict[str, dict[str, dict[str, str]]]:
    """Templates registered for Alimtalk, from JARI_KAKAO_TEMPLATES, by message and language:
    {"confirmed": {"ko": {"id": "KA01TP…", "text": "… #{appointments} … #{address}"}}}."""
    found = _object(env, "JARI_KAKAO_TEMPLATES")
    for by_language in found.values():
        templates = by_language.values() if isinstance(by_language, dict) else [None]
        for template in templates:
            fields = template if isinstance(template, dict) else {}
            texts = [text for text in fields.values() if isinstance(text, str) and text]
            if set(fields) != {"id", "text"} or len(texts) < 2:
                raise ImproperlyConfigured(
                    "JARI_KAKAO_TEMPLATES: write for each message and language an object of id "
                    "and text, as they are registered."
                )
    return found
