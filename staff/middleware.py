from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.views import redirect_to_login
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import ResolverMatch, reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.defaults import bad_request, page_not_found
from django_otp.middleware import OTPMiddleware
from pghistory.middleware import HistoryMiddleware
from rq.exceptions import NoSuchJobError

from staff.door.frame import remember_next
from staff.door.steps import ALSO_OF, ALWAYS_OPEN, has_expired, next_step, record_use
from staff.sessions import BEGAN, begin
from web.language import use_language


class OfStaff:
    """Mixin: the middleware runs for /admin/ only. Citizens are identified by a signed cookie
    (eligibility.sessions), so their pages need neither sessions nor users."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        if request.path.startswith("/admin/"):
            return super().__call__(request)  # type: ignore[misc]  # a mixin: the next class has it
        return self.get_response(request)


class StaffLanguageMiddleware(OfStaff, MiddlewareMixin):
    """The admin in its own languages: English for readers of the citizens' other ones."""

    def process_request(self, request: HttpRequest) -> None:
        if get_language() not in settings.STAFF_LANGUAGES:
            use_language(request, settings.STAFF_LANGUAGES[-1])


class StaffSessionMiddleware(OfStaff, SessionMiddleware):
    pass


class StaffAuthenticationMiddleware(OfStaff, AuthenticationMiddleware):
    pass


class StaffMessageMiddleware(OfStaff, MessageMiddleware):
    pass


class SecondFactorMiddleware(OfStaff, OTPMiddleware):  # type: ignore[misc]  # has no types
    pass


class DoorMiddleware(OfStaff, MiddlewareMixin):
    """Redirects to the next step of signing in until all are done; ends expired sessions."""

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if not request.path.startswith("/admin/") or not request.user.is_authenticated:
            return None
        if BEGAN not in request.session:  # made by Django's own login, as in tests
            begin(request)
        if has_expired(request):
            logout(request)
            messages.info(request, _("You were signed out, since nothing was done for a while."))
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        record_use(request)
        step, here = next_step(request), _match(request).url_name
        if step is None or here in (step, *ALWAYS_OPEN, *ALSO_OF.get(step, ())):
            return None
        # A page, not what a page loads.
        is_page = request.headers.get("Sec-Fetch-Dest", "document") == "document"
        if request.method == "GET" and is_page:
            remember_next(request, request.get_full_path())
        return HttpResponseRedirect(reverse(f"admin:{step}"))


class HistoryContextMiddleware(OfStaff, HistoryMiddleware):
    """Records the user with every change made in the admin.

    Not on citizens' pages: their rows have a `by`, and the booking path would pay a statement.
    """


class QueuePagesMiddleware:
    """Checks the role on django-rq's pages, which themselves only require a staff log-in.

    GET needs the right to view, any other method (empty, requeue, stop) the right to change.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if not _is_of_queues(request):
            return
        # /metrics has these numbers, and is not served to everybody.
        if (_match(request).url_name or "").endswith("metrics"):
            raise Http404
        user = request.user
        if not user.is_authenticated:
            return
        right = "view" if request.method in ("GET", "HEAD") else "change"
        if not user.has_perm(f"django_rq.{right}_dashboard"):
            raise PermissionDenied
        # Pages of the rows of a model that has no table.
        if (_match(request).url_name or "").startswith("django_rq_dashboard_"):
            raise Http404

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """404 instead of django-rq's 500 for jobs and workers that have gone meanwhile."""
        if not _is_of_queues(request):
            return None
        # ImproperlyConfigured: the page of rq-scheduler, which is not installed.
        not_found: tuple[Any, ...] = (NoSuchJobError, LookupError, ImproperlyConfigured)
        if (_match(request).url_name or "").endswith("worker_details"):
            not_found = (*not_found, ValueError, AssertionError)
        return page_not_found(request, exception) if isinstance(exception, not_found) else None


def _match(request: HttpRequest) -> ResolverMatch:
    assert request.resolver_match  # set before process_view is called
    return request.resolver_match


def _is_of_queues(request: HttpRequest) -> bool:
    return _match(request).route.startswith(("admin/rq/", "admin/django_rq/"))


class NoNulMiddleware(OfStaff, MiddlewareMixin):
    """Answers 400 to values with NUL, which Postgres refuses in texts."""

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if not request.path.startswith("/admin/"):
            return None
        typed = [kwargs.values(), *(values for _name, values in request.GET.lists())]
        typed += [values for _name, values in request.POST.lists()]
        if any("\0" in str(value) for values in typed for value in values):
            return bad_request(request, SuspiciousOperation())
        return None
