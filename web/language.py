"""Changes of language on a page with a form, keeping typed values that are not submitted yet."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, parse_cookie
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.translation import (
    check_for_language,
    get_language,
    get_language_from_request,
    get_language_info,
)
from django.utils.translation.trans_real import parse_accept_lang_header
from django.utils.translation.trans_real import translation as catalogue
from django.views.i18n import set_language

from web.hooks import Hook
from web.letters import asks_letters, in_letters

View = Callable[..., HttpResponse]
FIELD = "language"
# Of readers of none of the portal's languages.
OTHERS = "en"
USUAL_LENGTH = 200  # of the cookie and Accept-Language
# A person has chosen the active language for this browser.
language_chosen: Hook[Callable[[HttpRequest], object]] = Hook()


class LanguageMiddleware(LocaleMiddleware):
    """The language of the cookie, else the first of the browser's that the portal has, else
    English; Korean for a browser that names none."""

    def process_request(self, request: HttpRequest) -> None:
        use_language(request, language_for(request))


def use_language(request: HttpRequest, language: str) -> None:
    translation.activate(language)
    request.LANGUAGE_CODE = language


def language_for(request: HttpRequest) -> str:
    """By cookie and header alone, so that pages without Django's handler may ask too."""
    cookie = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    header = request.META.get("HTTP_ACCEPT_LANGUAGE", "")
    # What is longer than any browser's is not kept.
    is_usual = len(cookie) + len(header) <= USUAL_LENGTH
    return (_language_of if is_usual else _language_of.__wrapped__)(cookie, header)


# Kept: browsers send a few hundred kinds, and reading one took as long as the sign-in cookie.
@lru_cache(maxsize=1024)
def _language_of(cookie: str, header: str) -> str:
    request = HttpRequest()
    request.COOKIES = {settings.LANGUAGE_COOKIE_NAME: cookie}
    request.META["HTTP_ACCEPT_LANGUAGE"] = header
    language = get_language_from_request(request)
    if language != settings.LANGUAGE_CODE or cookie in dict(settings.LANGUAGES):
        return language
    named = [code for code, _share in parse_accept_lang_header(header.lower()) if code != "*"]
    korean = any(code.partition("-")[0] == settings.LANGUAGE_CODE for code in named)
    return language if korean or not named else OTHERS


def language_of_headers(header: Callable[[str], str]) -> str:
    """The same rule for a request that does not reach Django; `header` gives one by its name."""
    request = HttpRequest()
    request.COOKIES = parse_cookie(header("cookie"))
    request.META["HTTP_ACCEPT_LANGUAGE"] = header("accept-language")
    return language_for(request)


def choose_language(request: HttpRequest) -> HttpResponse:
    """Django's change of language, of which the hook hears."""
    response: HttpResponse = set_language(request)
    if asks_language(request):
        with translation.override(request.POST[FIELD]):
            language_chosen_for(request)
    return response


def language_chosen_for(request: HttpRequest) -> None:
    for remember in language_chosen:
        remember(request)


def fall_back_to_english() -> None:
    """Show a text without a translation in English, its source, where Django takes Korean."""
    for code in dict(settings.LANGUAGES):
        if code != settings.LANGUAGE_CODE:
            vars(catalogue(code))["_fallback"] = None


def reads_korean() -> bool:
    """Whether the active language is Korean, which it is also where none is active."""
    return (get_language() or "ko").startswith("ko")


def used_language() -> str:
    """The active language, Korean where none is active, as it is stored with a row."""
    return get_language() or settings.LANGUAGE_CODE


def named_languages() -> list[tuple[str, str]]:
    """Code and own name of each language of the portal, as choices of a form."""
    return [(code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES]


def other_languages(language: str) -> list[tuple[str, str]]:
    """Those beside `language`, as links of a page that has an address in each."""
    return [other for other in named_languages() if other[0] != language]


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
    use_language(request, language)
    language_chosen_for(request)
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
