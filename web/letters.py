"""Large print: the size of letters that a reader chose, which a cookie stores for this browser."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from web.cookies import named

FIELD = "letters"
LARGE, NORMAL = "large", "normal"
_YEAR = 60 * 60 * 24 * 365


def is_large(request: HttpRequest) -> bool:
    chosen: str = getattr(request, "letters", "") or request.COOKIES.get(named("jari_letters"), "")
    return chosen == LARGE


def asks_letters(request: HttpRequest) -> bool:
    """Whether a button of the letters submitted this form."""
    return request.POST.get(FIELD, "") in (LARGE, NORMAL)


def in_letters(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """The page in the requested letters; the view must not submit the form (web/language.py)."""
    request.letters = request.POST[FIELD]  # type: ignore[attr-defined]
    request.method = "GET"
    return _remembered(answer(), request.POST[FIELD])


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Back to the page `next`, which has the requested letters from now on."""
    page = request.POST.get("next", "")
    is_own = url_has_allowed_host_and_scheme(page, {request.get_host()}, request.is_secure())
    response = HttpResponseRedirect(page if is_own else "/")
    return _remembered(response, request.POST[FIELD]) if asks_letters(request) else response


def _remembered(response: HttpResponse, letters: str) -> HttpResponse:
    response.set_cookie(
        named("jari_letters"),
        letters,
        max_age=_YEAR,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response
