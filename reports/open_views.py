"""What everybody may read: numbers by region, and open times for other programs."""

import re

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from reports import open_data, scheduling_links
from reports.open_files import folder_of, open_file
from web.language import used_language

# Open times are written once a minute; the guide's hint to clients when to ask again.
SLOTS_SECONDS, NUMBERS_SECONDS = 60, 300
_NDJSON = re.compile(r"(locations|schedules|slots-KR(-[0-9]{2})?)\.ndjson")
_TABLES = "|".join(table.name for table in open_data.TABLES)
_FILE = re.compile(rf"(?:datapackage\.json|({_TABLES})\.(csv|json|csv-metadata\.json))")


@require_safe
def slots(request: HttpRequest, name: str) -> HttpResponseBase:
    """The manifest of open times or one of its files, as the job wrote them."""
    if name == scheduling_links.MANIFEST:
        content_type = "application/json"
    elif _NDJSON.fullmatch(name):
        content_type = "application/fhir+ndjson"
    else:
        raise Http404
    path = folder_of(scheduling_links.FOLDER) / name
    return open_file(request, path, content_type=content_type, seconds=SLOTS_SECONDS)


@require_safe
def file(request: HttpRequest, name: str) -> HttpResponseBase:
    """A table of numbers, or what describes it."""
    if not _FILE.fullmatch(name):
        raise Http404
    content_type = "text/csv; charset=utf-8" if name.endswith(".csv") else "application/json"
    path = folder_of(open_data.FOLDER) / name
    return open_file(request, path, content_type=content_type, seconds=NUMBERS_SECONDS)


@require_safe
def page(request: HttpRequest) -> HttpResponseBase:
    """The page of numbers, in the reader's language."""
    answer = _page(request, used_language())
    patch_vary_headers(answer, ["Accept-Language", "Cookie"])
    return answer


@require_safe
def page_in(request: HttpRequest, language: str) -> HttpResponseBase:
    """The same in one language, for links and caches."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    return _page(request, language)


def _page(request: HttpRequest, language: str) -> HttpResponseBase:
    path = folder_of(open_data.FOLDER) / f"page-{language}.html"
    content_type = "text/html; charset=utf-8"
    answer = open_file(request, path, content_type=content_type, seconds=NUMBERS_SECONDS)
    answer["Content-Language"] = language
    return answer
