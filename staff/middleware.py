from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.views import redirect_to_login
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import ResolverMatch, reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _
from django.views.defaults import bad_request, page_not_found
from django_otp.middleware import OTPMiddleware
from pghistory.middleware import HistoryMiddleware
from rq.exceptions import NoSuchJobError

from staff.door.steps import OPEN, is_over, next_step, note_use
from staff.door.views import remember_next
from staff.sessions import BEGAN, begin


class OfStaff:
    """Left out on citizens' pages: who they are stands in a cookie of its own."""

    get_response: Any  # of the middleware that this one stands before

    def __call__(self, request: HttpRequest) -> Any:
        if request.path.startswith("/admin/"):
            return super().__call__(request)  # type: ignore[misc]  # a mixin: the next class has it
        return self.get_response(request)


class StaffSessionMiddleware(OfStaff, SessionMiddleware):
    pass


class StaffAuthenticationMiddleware(OfStaff, AuthenticationMiddleware):
    pass


class StaffMessageMiddleware(OfStaff, MessageMiddleware):
    pass


class SecondFactorMiddleware(OfStaff, OTPMiddleware):  # type: ignore[misc]  # has no types
    pass


class DoorMiddleware(OfStaff, MiddlewareMixin):
    """Nothing is shown before every step of signing in is done; sessions end when they end."""

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if not request.path.startswith("/admin/") or not request.user.is_authenticated:
            return None
        if BEGAN not in request.session:
            begin(request)
        if is_over(request):
            logout(request)
            messages.info(request, _("You were signed out, since nothing was done for a while."))
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        note_use(request)
        step, here = next_step(request), _match(request).url_name
        if step is None or here == step or here in OPEN:
            return None
        if request.method == "GET":
            remember_next(request, request.get_full_path())
        return HttpResponseRedirect(reverse(f"admin:{step}"))


class HistoryContextMiddleware(OfStaff, HistoryMiddleware):
    """Every change made in the admin is recorded with who made it.

    On citizens' pages the rows themselves say who acted, and the booking path must not pay a
    statement for it.
    """


class QueuePagesMiddleware:
    """The pages of the job queues ask only for a staff log-in; ours ask for the role as well.

    To look at them is one right, to empty, requeue or stop is another.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        user = request.user if _is_of_queues(request) else None
        if user is None or not user.is_authenticated:
            return
        needed = "view" if request.method in ("GET", "HEAD") else "change"
        if not user.has_perm(f"django_rq.{needed}_dashboard"):
            raise PermissionDenied

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Jobs come and go in Redis: one that is gone is no fault of the page."""
        if not _is_of_queues(request):
            return None
        # Without rq-scheduler, which nothing here needs, its page is not configured.
        gone: tuple[Any, ...] = (NoSuchJobError, LookupError, ImproperlyConfigured)
        if (_match(request).url_name or "").endswith("worker_details"):
            gone = (*gone, ValueError, AssertionError)
        return page_not_found(request, exception) if isinstance(exception, gone) else None


def _match(request: HttpRequest) -> ResolverMatch:
    assert request.resolver_match  # views are asked for after the address was resolved
    return request.resolver_match


def _is_of_queues(request: HttpRequest) -> bool:
    return _match(request).route.startswith(("admin/rq/", "admin/django_rq/"))


class NoNulMiddleware(OfStaff, MiddlewareMixin):
    """Postgres has no NUL in its texts: a page asked for with one is answered, not tried."""

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
