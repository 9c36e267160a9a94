from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from staff.door import views
from staff.door.forms import LoginForm
from staff.door.services import password_was_set
from staff.door.steps import MUST_CHANGE, next_step
from staff.enums import Act
from staff.models import User
from staff.passwords import is_well_known
from staff.services import record_access, staff_of
from staff.sessions import begin

# What belongs together for the people who use it, whichever app it comes from.
GROUPS: list[tuple[Any, list[str]]] = [
    (
        _("At the clinic"),
        ["booking.reservation", "booking.listentry", "booking.offer", "booking.outsidedose"],
    ),
    (
        _("Clinics and times"),
        ["booking.clinic", "booking.slot", "booking.stock", "booking.vaccine"],
    ),
    (_("Who may book"), ["eligibility."]),
    (_("The line"), ["waiting_room."]),
    (_("Messages and jobs"), ["messaging.", "django_rq."]),
    (_("Staff and records"), ["staff."]),
]


class PortalSite(admin.AdminSite):
    site_title = _("Jari")
    site_header = _("Jari for staff")
    index_title = _("Overview")
    login_form = LoginForm
    empty_value_display = "–"
    enable_nav_sidebar = True

    def get_urls(self) -> list[Any]:
        def own(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(address, self.admin_view(view), name=name)

        return [
            # No row has a public page to jump to, so the short way there leads nowhere.
            path("r/<path:rest>", self.admin_view(_nowhere)),
            own("second-factor/", views.second_factor, "second_factor"),
            own("second-factor/set-up/", views.second_factor_setup, "second_factor_setup"),
            own("second-factor/codes/", views.recovery_codes, "recovery_codes"),
            own("account/", views.account, "account"),
            path(
                "invitation/<uidb64>/<token>/",
                views.InvitationView.as_view(),
                name="invitation",
            ),
            *super().get_urls(),
        ]

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().login(request, {**(extra_context or {}), "sample": settings.SAMPLE})
        if request.method != "POST":
            return response
        if not isinstance(response, HttpResponseRedirect):
            refused = _refused(response)
            if refused:
                response.status_code = 429
            else:
                self._record_refusal(request)
            return response
        begin(request)
        if not settings.SAMPLE and is_well_known(request.POST["password"], staff_of(request)):
            request.session[MUST_CHANGE] = True
        if next_step(request) is None:
            return views.signed_in(request, response)
        views.remember_next(request, response.url)
        return views.onwards(request)

    def _record_refusal(self, request: HttpRequest) -> None:
        """Whose password was tried in vain; what was not even looked at is in the log alone."""
        name = request.POST.get("username", "")
        tried = User.objects.filter(username=name).first()
        if tried:
            record_access(request, act=Act.LOG_IN_REFUSED, what="/admin/", user=tried)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        return cast("HttpResponse", _LookUps.as_view(admin_site=self)(request))

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        response = super().password_change(request, extra_context)
        if request.method == "POST" and response.status_code == 302:
            request.session.pop(MUST_CHANGE, None)
            password_was_set(user=staff_of(request), session_key=request.session.session_key)
        return response

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        apps = super().get_app_list(request, app_label)
        if app_label:
            return apps
        models = [
            (f"{app['app_label']}.{model['object_name'].lower()}", model)
            for app in apps
            for model in app["models"]
        ]
        groups = []
        for title, labels in GROUPS:
            members = [
                (place, model)
                for name, model in models
                for place, label in enumerate(labels)
                if name == label or (label.endswith(".") and name.startswith(label))
            ]
            if members:
                members.sort(key=lambda pair: pair[0])
                groups.append(_group(str(title), [model for _place, model in members]))
        shown = {id(model) for group in groups for model in group["models"]}
        rest = [model for _name, model in models if id(model) not in shown]
        return groups + ([_group(str(_("Other")), rest)] if rest else [])


class _LookUps(AutocompleteJsonView):
    """Names in a choice of clinics; never people, whose searches stand in no address."""

    def process_request(self, request: HttpRequest) -> Any:
        answer = super().process_request(request)
        if getattr(answer[1], "holds_people", False):
            raise PermissionDenied
        return answer


def _refused(response: HttpResponse) -> bool:
    """Whether the try was not even looked at, for it came after too many others."""
    form = (getattr(response, "context_data", None) or {}).get("form")
    return isinstance(form, LoginForm) and form.refusal is not None


def _nowhere(request: HttpRequest, rest: str) -> HttpResponse:
    raise Http404


def _group(title: str, models: list[dict[str, Any]]) -> dict[str, Any]:
    first = models[0]
    return {
        "name": title,
        "app_label": first["model"]._meta.app_label,
        "app_url": first["admin_url"] or first["add_url"],
        "has_module_perms": True,
        "models": models,
    }
