"""The page on which staff ask for the figures of the morning by mail, and stop them."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from database.clock import known_today
from reports import morning_mail
from reports.dashboard import may_see
from staff.hooks import pages
from staff.models import User
from staff.pages import page_of
from staff.services import staff_of
from staff.site import PortalSite
from web.language import used_language


class MorningMailPage:
    """/admin/dashboard/mail/"""

    def __init__(self, site: PortalSite) -> None:
        self.site = site

    def routes(self) -> list[URLPattern]:
        view = self.site.admin_view(never_cache(self.mail))
        return [path("dashboard/mail/", view, name="morning_mail")]

    def mail(self, request: HttpRequest) -> HttpResponse:
        user = staff_of(request)
        if not may_see(user):
            raise PermissionDenied
        if request.method == "POST":
            return _act(request, user)
        row = morning_mail.subscription_of(user)
        is_current = row is not None and row.email == user.email
        scope = morning_mail.scope_of(user, known_today())
        return page_of(
            self.site,
            request,
            "admin/reports/morning_mail.html",
            _("Figures of the morning by mail"),
            crumbs=[(_("Dashboard"), reverse("admin:dashboard"))],
            area=scope.area_name,
            has_address=morning_mail.has_address(user),
            address=user.email,
            is_asked=row is not None,
            is_confirmed=is_current and row is not None and row.confirmed_at is not None,
            has_new_address=row is not None and not is_current,
            code=request.GET.get("code", ""),
        )


def _act(request: HttpRequest, user: User) -> HttpResponse:
    act = request.POST.get("act", "")
    if act == "subscribe":
        _subscribe(request, user)
    elif act == "confirm":
        _confirm(request, user)
    elif act == "end":
        morning_mail.unsubscribe(user=user)
        messages.success(request, _("You get no more of these mails."))
    else:
        return HttpResponseBadRequest()
    return HttpResponseRedirect(reverse("admin:morning_mail"))


def _subscribe(request: HttpRequest, user: User) -> None:
    try:
        row = morning_mail.subscribe(user=user, language=used_language())
    except morning_mail.NoAddress:
        return  # the page says so
    if row.confirmed_at is None:
        messages.success(request, _("A mail with a link is on its way."))
    else:
        messages.success(request, _("The mails come in the language of this page now."))


def _confirm(request: HttpRequest, user: User) -> None:
    try:
        morning_mail.confirm(user=user, code=request.POST.get("code", ""))
    except morning_mail.BadLink:
        messages.error(request, _("This link does not hold any more. Have a new one sent."))
    else:
        messages.success(request, _("Your address is confirmed. The next mail comes at 06:00."))


def _routes(site: PortalSite) -> list[URLPattern]:
    return MorningMailPage(site).routes()


pages.register(_routes)
