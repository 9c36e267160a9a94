"""Pages compressed for slow connections, without BREACH (docs/security.md).

Who can make a victim's browser ask for pages with guesses in them learns a secret on the page from
the sizes of the compressed answers: https://www.breachattack.com
"""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

# What a browser says of a request that another site can't have caused (W3C Fetch Metadata).
OWN = {"same-origin", "none"}


class PageCompressionMiddleware(GZipMiddleware):
    """Django's gzip, which adds up to 100 random bytes, for pages that the portal itself or the
    reader asked for.

    Staff's pages show people beside what was searched for and stay as they are; so do files, which
    have compressed twins where that pays.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not _is_public_page(request, response) or _asked_by_another_site(request):
            return response
        return super().process_response(request, response)


def _is_public_page(request: HttpRequest, response: HttpResponseBase) -> bool:
    is_html = response.get("Content-Type", "").startswith("text/html")
    return is_html and not request.path.startswith("/admin/")


def _asked_by_another_site(request: HttpRequest) -> bool:
    return request.META.get("HTTP_SEC_FETCH_SITE", "none") not in OWN
