"""How a reader wants pages: in large letters, in easy words. A cookie of each stores the choice."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from web.cookies import named

LARGE, NORMAL = "large", "normal"
EASY, USUAL = "easy", "usual"
# The values of each field; the field's name is also that of its cookie.
CHOICES = {"letters": (LARGE, NORMAL), "words": (EASY, USUAL)}
_YEAR = 60 * 60 * 24 * 365


def is_large(request: HttpRequest) -> bool:
    return _chosen(request, "letters") == LARGE


def has_easy_words(request: HttpRequest) -> bool:
    return _chosen(request, "words") == EASY


def _chosen(request: HttpRequest, field: str) -> str:
    """What the request chooses now, else what its browser chose before."""
    chosen: str = _posted(request).get(field) or request.COOKIES.get(named(f"jari_{field}"), "")
    return chosen


def _posted(request: HttpRequest) -> dict[str, str]:
    # Of the request as it came: in_letters shows the answer to a POST as that of a GET.
    if request.META.get("REQUEST_METHOD") != "POST":
        return {}
    posted = {field: request.POST.get(field, "") for field in CHOICES}
    return {field: value for field, value in posted.items() if value in CHOICES[field]}


def asks_letters(request: HttpRequest) -> bool:
    """Whether a button of the letters or words submitted this form."""
    return bool(_posted(request))


def in_letters(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """The page in the requested letters; the view must not submit the form (web/language.py)."""
    request.method = "GET"
    return _remembered(answer(), request)


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Back to the page `next`, which has the requested letters and words from now on."""
    page = request.POST.get("next", "")
    is_own = url_has_allowed_host_and_scheme(page, {request.get_host()}, request.is_secure())
    return _remembered(HttpResponseRedirect(page if is_own else "/"), request)


def _remembered(response: HttpResponse, request: HttpRequest) -> HttpResponse:
    for field, value in _posted(request).items():
        response.set_cookie(
            named(f"jari_{field}"),
            value,
            max_age=_YEAR,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response
