"""What the page of a place in the line shows without a connection, and the service worker that
shows it: both are the same for everybody."""

from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

# Files that the page needs; a page without its fonts is readable.
_PARTS = ("jari/jari.css", "jari/mark.svg", "jari/offline.js")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The page in the language that `?language=` names: the worker asks without cookies."""
    return HttpResponse(_page_in(_language(request), request))


# Browsers ask for the script at each visit, so that a new one or none takes its place by the next.
@never_cache
@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """The worker of all pages below `/queue/t/`, or one that removes itself where it is switched
    off."""
    if not settings.SERVICE_WORKER:
        return render(request, "waiting_room/no_service_worker.js", content_type="text/javascript")
    language = _language(request)
    addresses = [
        f"{reverse('no_connection')}?language={language}",
        *(static(name) for name in _PARTS),
    ]
    # Another text or style sheet is another version, which is fetched anew as a whole.
    text = "\n".join([_page_in(language, request), *addresses])
    version = sha256(text.encode()).hexdigest()[:12]
    context = {"kept": addresses, "version": version}
    return render(
        request, "waiting_room/service_worker.js", context, content_type="text/javascript"
    )


def _language(request: HttpRequest) -> str:
    language = request.GET.get("language", "")
    return language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def _page_in(language: str, request: HttpRequest) -> str:
    with translation.override(language):
        return render_to_string("waiting_room/offline.html", request=request)
