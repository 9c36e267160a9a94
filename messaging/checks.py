"""Whether the templates registered for Alimtalk say what the portal fills in."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks

from messaging import mail_provider, solapi
from messaging.enums import KAKAO
from messaging.wordings import TEMPLATE_VARIABLE, wordings

MOST_SIGNS = 1_000  # of an Alimtalk


def templates_fit_their_messages(**_asked: Any) -> list[checks.CheckMessage]:
    """Errors for templates of unknown messages or languages, and those with other variables."""
    if settings.KAKAO_TEMPLATES and KAKAO not in settings.MESSAGE_CHANNELS:
        return [_error("there is no kakao in JARI_MESSAGE_CHANNELS.", "messaging.E001")]
    languages = dict(settings.LANGUAGES)
    problems: list[checks.CheckMessage] = []
    for code, templates in settings.KAKAO_TEMPLATES.items():
        if code not in wordings:
            codes = ", ".join(sorted(wordings))
            problems.append(
                _error(f"there is no message {code}; there are {codes}.", "messaging.E002")
            )
            continue
        for language, template in templates.items():
            if language not in languages:
                problems.append(_error(f"{code}: no language {language}.", "messaging.E003"))
            for problem in _differences(code, template["text"]):
                problems.append(_error(f"{code} in {language}: {problem}", "messaging.E004"))
    return problems


def _differences(code: str, text: str) -> Iterator[str]:
    variables = wordings[code].variables
    used, filled_in = set(TEMPLATE_VARIABLE.findall(text)), {each.name for each in variables}
    if used - filled_in:
        yield f"the portal fills in no {_names(used - filled_in)}; it has {_names(filled_in)}."
    missing = {each.name for each in variables if each.needed} - used
    if missing:
        yield f"{_names(missing)} is missing, which people need."
    if len(text) > MOST_SIGNS:
        yield f"a template has {MOST_SIGNS} signs at most."


def _names(names: set[str]) -> str:
    return ", ".join(f"#{{{name}}}" for name in sorted(names)) or "none"


def _error(text: str, number: str) -> checks.Error:
    return checks.Error(f"JARI_KAKAO_TEMPLATES: {text}", id=number)


def providers_can_report(**_asked: Any) -> list[checks.CheckMessage]:
    """A warning for each kind of provider whose reports nothing lets in."""
    urls = settings.MESSAGE_CHANNELS.values()
    missing = []
    if any(map(solapi.is_address, urls)) and not settings.SOLAPI_SECRET:
        missing.append("JARI_SOLAPI_SECRET")
    if any(map(mail_provider.is_address, urls)) and not settings.ANYMAIL.get("WEBHOOK_SECRET"):
        missing.append("WEBHOOK_SECRET in JARI_ANYMAIL")
    return [
        checks.Warning(
            f"Set {name}: without it no report of what was delivered is taken.", id="messaging.W001"
        )
        for name in missing
    ]
