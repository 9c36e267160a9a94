"""Another language on a page with a form: what was typed and not sent yet comes along."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import check_for_language

View = Callable[..., HttpResponse]
FIELD = "language"


def keeps_typed_in_any_language(view: View) -> View:
    """The language buttons send the page's own form: show it again, unsent, in that language."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not asks_language(request):
            return view(request, *args, **kwargs)
        return in_language(request, lambda: view(request, *args, **kwargs))

    return guarded


def asks_language(request: HttpRequest) -> bool:
    """Whether a language button sent this form."""
    language = request.POST.get(FIELD, "")
    return language in dict(settings.LANGUAGES) and check_for_language(language)


def in_language(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """The page in the language that was asked for, which this browser keeps from now on."""
    language = request.POST[FIELD]
    translation.activate(language)
    request.LANGUAGE_CODE = language
    request.method = "GET"  # nothing is sent yet, though request.POST stays
    response = answer()
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


def typed(request: HttpRequest, *names: str, lists: tuple[str, ...] = ()) -> dict[str, Any]:
    """What was typed before the language changed, as a form's initial values; else nothing."""
    if not is_unsent(request):
        return {}
    values = {name: request.POST.get(name, "") for name in names}
    return values | {name: request.POST.getlist(name) for name in lists}


def is_unsent(request: HttpRequest) -> bool:
    """Whether this is a form in the middle of being typed, shown again in another language."""
    return request.method == "GET" and asks_language(request)
