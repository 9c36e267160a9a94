"""Changes of language on a page with a form, keeping typed values that are not submitted yet."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import check_for_language, get_language

from web.letters import asks_letters, in_letters

View = Callable[..., HttpResponse]
FIELD = "language"


def reads_korean() -> bool:
    """Whether the active language is Korean, which it is also where none is active."""
    return (get_language() or "ko").startswith("ko")


def keeps_typed_in_any_language(view: View) -> View:
    """Handles the language buttons, which submit the page's own form: the view is called as for a
    GET, in the new language, and shows the typed values again (`typed`)."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if asks_letters(request):
            return in_letters(request, lambda: view(request, *args, **kwargs))
        if not asks_language(request):
            return view(request, *args, **kwargs)
        return in_language(request, lambda: view(request, *args, **kwargs))

    return guarded


def asks_language(request: HttpRequest) -> bool:
    """Whether a language button submitted this form."""
    language = request.POST.get(FIELD, "")
    return language in dict(settings.LANGUAGES) and check_for_language(language)


def in_language(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """The page in the requested language, which a cookie stores for this browser."""
    language = request.POST[FIELD]
    translation.activate(language)
    request.LANGUAGE_CODE = language
    # The view must not submit the form; `typed` still reads request.POST.
    request.method = "GET"
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
    """Typed values before a change of language, as a form's initial values; {} otherwise."""
    if not is_unsent(request):
        return {}
    values = {name: request.POST.get(name, "") for name in names}
    return values | {name: request.POST.getlist(name) for name in lists}


def is_unsent(request: HttpRequest) -> bool:
    """Whether this request shows a half-typed form again in another language or other letters."""
    return request.method == "GET" and (asks_language(request) or asks_letters(request))
