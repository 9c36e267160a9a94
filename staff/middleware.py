from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import PermissionDenied
from pghistory.middleware import HistoryMiddleware


class OfStaff:
    """Left out on citizens' pages: who they are stands in a cookie of its own."""

    def __call__(self, request):
        if request.path.startswith("/admin/"):
            return super().__call__(request)
        return self.get_response(request)


class StaffSessionMiddleware(OfStaff, SessionMiddleware):
    pass


class StaffAuthenticationMiddleware(OfStaff, AuthenticationMiddleware):
    pass


class StaffMessageMiddleware(OfStaff, MessageMiddleware):
    pass


class HistoryContextMiddleware(OfStaff, HistoryMiddleware):
    """Every change made in the admin is recorded with who made it.

    On citizens' pages the rows themselves say who acted, and the booking path must not pay a
    statement for it.
    """


class QueuePagesMiddleware:
    """The pages of the job queues ask only for a staff log-in; ours ask for the role as well."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        route = request.resolver_match.route
        if not route.startswith(("admin/rq/", "admin/django_rq/")):
            return
        user = request.user
        if user.is_authenticated and not user.has_perm("django_rq.view_dashboard"):
            raise PermissionDenied
