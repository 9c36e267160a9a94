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

from staff.door import account_views, openid, passkeys, views
from staff.door.forms import LoginForm
from staff.door.frame import (
    begin_sign_in,
    complete_sign_in,
    continue_sign_in,
    must_show_again,
    remember_next,
)
from staff.door.provider import end_address, name_of_provider
from staff.door.services import after_password_change
from staff.door.steps import MUST_CHANGE, next_step
from staff.enums import Act
from staff.hooks import landing_pages, pages
from staff.models import User
from staff.passwords import is_well_known
from staff.services import record_access, staff_of
from web.proof_of_work import NO_WORK

# The overview's groups of models, by task rather than by app.
GROUPS: list[tuple[Any, list[str]]] = [
    (
        _("At the clinic"),
        [
            "booking.reservation",
            "booking.listentry",
            "booking.offer",
            "booking.outsidedose",
            "vaccination.",
        ],
    ),
    (
        _("Clinics and times"),
        [
            "booking.clinic",
            "booking.slot",
            "booking.stock",
            "booking.vaccine",
            "booking.carehome",
            "booking.homevisit",
            "bulk.",
        ],
    ),
    (_("Who may book"), ["eligibility."]),
    (_("The line"), ["waiting_room."]),
    (_("Messages and jobs"), ["messaging.", "statements.", "django_rq."]),
    (_("Exports"), ["reports."]),
    (_("Staff and records"), ["staff."]),
]
# Models of packages that are not translated.
NAMES = {"django_rq.dashboard": _("Job queues")}


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
            # Overrides the admin's "view on site" redirect: no row has a public page.
            path("r/<path:address>", self.admin_view(_not_found)),
            own("second-factor/", views.second_factor, "second_factor"),
            own("second-factor/set-up/", views.second_factor_setup, "second_factor_setup"),
            own("second-factor/codes/", views.recovery_codes, "recovery_codes"),
            own("account/", account_views.account, "account"),
            own("account/again/", account_views.again, "again"),
            own("account/notices/", views.unread_notices, "notices"),
            own("account/openid/<int:pk>/remove/", account_views.openid_remove, "openid_remove"),
            own("account/passkeys/", account_views.passkey_add, "passkey_add"),
            own(
                "account/passkeys/<int:pk>/remove/", account_views.passkey_remove, "passkey_remove"
            ),
            path("passkey/", views.passkey_sign_in, name="passkey_sign_in"),
            path("openid/", openid.leave, name="openid"),
            path("openid/return/", openid.come_back, name="openid_return"),
            path(
                "invitation/<uidb64>/<token>/",
                views.InvitationView.as_view(),
                name="invitation",
            ),
            *(route for routes in pages for route in routes(self)),
            *super().get_urls(),
        ]

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The overview; users with a landing page of their own are sent there."""
        address = next((found for landing in landing_pages if (found := landing(request))), "")
        if address:
            # The type of Django's index; admin_view hands any response on.
            return cast("TemplateResponse", HttpResponseRedirect(address))
        return super().index(request, extra_context)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            **(extra_context or {}),
            "sample": settings.SAMPLE,
            "passkey_options": passkeys.sign_in_options(request),
            "provider_name": name_of_provider(),
            **NO_WORK,
        }
        response = super().login(request, context)
        if request.method != "POST":
            return response
        if not isinstance(response, HttpResponseRedirect):
            work = _work_of(response)
            if work["challenge"]:
                page = cast("TemplateResponse", response)
                page.context_data = {**(page.context_data or {}), **work}
                response.status_code = 422
            else:
                self._record_refusal(request)
            return response
        begin_sign_in(request)
        # Checked here, where the plain password is known; the sample's log-ins are printed.
        if not settings.SAMPLE and is_well_known(request.POST["password"], staff_of(request)):
            request.session[MUST_CHANGE] = True
        remember_next(request, response.url)
        if next_step(request) is None:
            return complete_sign_in(request)
        return continue_sign_in(request)

    def logout(  # type: ignore[override] # a redirect to the identity provider too
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """End the session, and that of an identity provider which signed in: at a shared computer
        the next person would come in by it."""
        address = end_address(request) if request.method == "POST" else ""
        response = super().logout(request, extra_context)
        return HttpResponseRedirect(address) if address else response

    def _record_refusal(self, request: HttpRequest) -> None:
        """Record a wrong password with the account, so that its owner's history shows it."""
        name = request.POST.get("username", "")
        user = User.objects.filter(username=name).first()
        if user:
            record_access(request, act=Act.LOG_IN_REFUSED, what="/admin/", user=user)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        return cast("HttpResponse", _Autocomplete.as_view(admin_site=self)(request))

    def password_change(  # type: ignore[override] # Django answers a redirect too
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # A password that must be changed was typed just now.
        detour = None if request.session.get(MUST_CHANGE) else must_show_again(request)
        if detour:
            return detour
        response = super().password_change(request, extra_context)
        if request.method == "POST" and response.status_code == 302:
            request.session.pop(MUST_CHANGE, None)
            after_password_change(user=staff_of(request), session_key=request.session.session_key)
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
        for name, model in models:
            model["name"] = NAMES.get(name, model["name"])
        groups = []
        for title, labels in GROUPS:
            members = [
                (rank, model)
                for name, model in models
                for rank, label in enumerate(labels)
                if name == label or (label.endswith(".") and name.startswith(label))
            ]
            if members:
                members.sort(key=lambda pair: pair[0])
                groups.append(_group(str(title), [model for _rank, model in members]))
        # Models in no group, for superusers.
        grouped = {id(model) for group in groups for model in group["models"]}
        others = [model for _name, model in models if id(model) not in grouped]
        return groups + ([_group(str(_("Other")), others)] if others else [])


class _Autocomplete(AutocompleteJsonView):
    """Autocompletion of clinics and the like; refused for people, as the term is in the address."""

    def process_request(self, request: HttpRequest) -> Any:
        answer = super().process_request(request)
        model_admin = answer[1]
        if getattr(model_admin, "holds_people", False):
            # Without the term, which may be a name or a phone number.
            what = model_admin.opts.label_lower
            record_access(request, act=Act.SEARCH, what=what, data={"refused": True})
            raise PermissionDenied
        return answer


def _work_of(response: HttpResponse) -> dict[str, str]:
    """What the page needs to ask for a proof of work, if the password was not checked."""
    form = (getattr(response, "context_data", None) or {}).get("form")
    return form.work if isinstance(form, LoginForm) else NO_WORK


def _not_found(request: HttpRequest, address: str) -> HttpResponse:
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
