from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

from staff.enums import Act
from staff.limits import tries_too_often
from staff.models import User
from staff.services import record_access

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


class LoginForm(AdminAuthenticationForm):
    def clean(self):
        if tries_too_often(self.request, self.cleaned_data.get("username", "")):
            self.request.too_many_tries = True
            raise ValidationError(
                _("That was tried too often. Wait ten minutes, or ask the operator."),
                code="too_many_tries",
            )
        return super().clean()


class PortalSite(admin.AdminSite):
    site_title = _("Jari")
    site_header = _("Jari for staff")
    index_title = _("Overview")
    login_form = LoginForm
    empty_value_display = "–"
    enable_nav_sidebar = True

    def get_urls(self) -> list:
        # No row has a public page to jump to, so the short way there leads nowhere.
        return [path("r/<path:rest>", self.admin_view(_nowhere)), *super().get_urls()]

    def login(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        response = super().login(request, extra_context)
        if request.method == "POST":
            self._record_login(request)
            if getattr(request, "too_many_tries", False):
                response.status_code = 429
        return response

    def _record_login(self, request: HttpRequest) -> None:
        """Who logged in from where, and whose name was tried in vain."""
        if request.user.is_authenticated:
            record_access(request, act=Act.LOG_IN, what="/admin/")
        else:
            name = request.POST.get("username", "")
            tried = User.objects.filter(username=name).first() if "\0" not in name else None
            if tried:
                record_access(request, act=Act.LOG_IN_REFUSED, what="/admin/", user=tried)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict]:
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


def _nowhere(request: HttpRequest, rest: str) -> HttpResponse:
    raise Http404


def _group(title: str, models: list[dict]) -> dict:
    first = models[0]
    return {
        "name": title,
        "app_label": first["model"]._meta.app_label,
        "app_url": first["admin_url"] or first["add_url"],
        "has_module_perms": True,
        "models": models,
    }
