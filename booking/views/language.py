"""Another language on a page with a form: what was typed and not sent yet comes along."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import check_for_language

View = Callable[..., HttpResponse]


def keeps_typed_in_any_language(view: View) -> View:
    """The language buttons send the page's own form: show it again, unsent, in that language."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        language = request.POST.get("language", "")
        if not (language in dict(settings.LANGUAGES) and check_for_language(language)):
            return view(request, *args, **kwargs)
        translation.activate(language)
        request.LANGUAGE_CODE = language
        request.typed = request.POST
        request.method = "GET"  # nothing is sent yet
        response = view(request, *args, **kwargs)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            path=settings.LANGUAGE_COOKIE_PATH,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
            samesite=settings.LANGUAGE_COOKIE_SAMESITE,
        )
        return response

    return guarded


def typed(request: HttpRequest, *names: str, lists: tuple[str, ...] = ()) -> dict[str, Any]:
    """What was typed before the language changed, as a form's initial values; else nothing."""
    sent = getattr(request, "typed", None)
    if sent is None:
        return {}
    values = {name: sent.get(name, "") for name in names}
    return values | {name: sent.getlist(name) for name in lists}
