from collections.abc import Callable
from typing import Any, ClassVar, cast

import django.contrib.auth.admin  # noqa: F401  (registers Group, which is unregistered below)
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from messaging.receivers import EmailAddressField
from staff.accounts import AccountRefused, decides_on_roles, link_for, may_act, request_role
from staff.actors import actor_of
from staff.admin.role_requests import RoleForm
from staff.door.services import remove_second_factor, unlock
from staff.door.steps import has_second_factor
from staff.enums import AT_A_CLINIC, NoticeKind, RequestStatus
from staff.limits import is_guarded
from staff.models import User
from staff.notices import notify
from staff.roles import sees_people
from staff.scoping import ScopedAdmin, sees_everything
from staff.services import staff_of
from staff.sessions import end_sessions

# Rights follow from the role (staff.roles); a group would have no effect.
if admin.site.is_registered(Group):
    admin.site.unregister(Group)


class UserForm(forms.ModelForm[User]):
    """Name and state of an account. Its role is requested on another page, and only its owner sets
    the password."""

    by: ClassVar[User]  # the acting user; set on a form class made for one request

    class Meta:
        model = User
        fields = ["username", "is_active", "last_name", "first_name", "email"]
        field_classes = {"email": EmailAddressField}

    def clean_is_active(self) -> bool:
        active: bool = self.cleaned_data["is_active"]
        user = self.instance
        if user.pk == self.by.pk and not active:
            raise forms.ValidationError(_("Nobody switches off their own account."))
        reactivated = active and not self.initial.get("is_active", True)
        if reactivated and sees_people(user.role) and not decides_on_roles(self.by):
            raise forms.ValidationError(
                _("This account sees people's data: the health authority switches it on again.")
            )
        return active


@admin.register(User)
class UserAdmin(ScopedAdmin[User]):
    """Accounts. Roles, links, unlocking and second factors have views of their own."""

    clinic_path = "clinic"
    form = UserForm
    change_form_template = "admin/staff/user/change_form.html"
    list_display = ["username", "role", "clinic", "region", "district", "is_active", "last_login"]
    list_filter = ["role", "is_active", "region"]
    list_select_related = ["clinic"]
    search_fields = ["username", "first_name", "last_name", "clinic__name"]
    ordering = ["username"]
    readonly_fields = [
        "role",
        "clinic",
        "region",
        "district",
        "second_factor",
        "guarded",
        "last_login",
        "date_joined",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        rows = super().get_queryset(request)
        # Managers and local governments see accounts of clinics only.
        if not sees_everything(staff_of(request)):
            rows = rows.filter(role__in=AT_A_CLINIC)
        return rows

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> list[Any]:
        person = (_("Name and e-mail"), {"fields": ["last_name", "first_name", "email"]})
        if obj is None:
            return [(None, {"fields": ["username"]}), person]
        return [
            (None, {"fields": ["username", "is_active"]}),
            (_("Works as"), {"fields": ["role", "clinic", "region", "district"]}),
            person,
            (
                _("Signing in"),
                {"fields": ["second_factor", "guarded", "last_login", "date_joined"]},
            ),
        ]

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any
    ) -> type[UserForm]:
        form = cast("type[UserForm]", super().get_form(request, obj, change, **kwargs))
        form.by = staff_of(request)
        return form

    @admin.display(description=gettext_lazy("Second factor"), boolean=True)
    def second_factor(self, user: User) -> bool:
        return has_second_factor(user)

    @admin.display(description=gettext_lazy("wrong tries"))
    def guarded(self, user: User) -> str:
        return _("Many: unknown browsers do a calculation first.") if is_guarded(user) else "–"

    def save_model(
        self, request: HttpRequest, obj: User, form: forms.ModelForm[User], change: bool
    ) -> None:
        # Django's condition to enter the admin; rights follow from the role.
        obj.is_staff = True
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            end_sessions(obj)  # they must not go on if the account is switched on again
        if change:
            self._tell_owner(request, obj, form)

    def _tell_owner(self, request: HttpRequest, user: User, form: forms.ModelForm[User]) -> None:
        by = actor_of(staff_of(request))
        if "email" in form.changed_data:
            # To the address before, where the owner still reads.
            notify(user, NoticeKind.EMAIL, by=by, to=form.initial.get("email") or "")
        if "is_active" in form.changed_data:
            on = NoticeKind.SWITCHED_ON if user.is_active else NoticeKind.SWITCHED_OFF
            notify(user, on, by=by)

    def response_add(
        self, request: HttpRequest, obj: User, post_url_continue: str | None = None
    ) -> HttpResponse:
        messages.success(request, _("The account is made. Now ask for its role and make a link."))
        return HttpResponseRedirect(reverse("admin:staff_user_change", args=[obj.pk]))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def get_urls(self) -> list[URLPattern]:
        def act(name: str, view: Callable[..., HttpResponse]) -> URLPattern:
            # Not cached: the page of a link has a secret.
            guarded = self.admin_site.admin_view(never_cache(view))
            return path(f"<int:pk>/{name}/", guarded, name=f"staff_user_{name}")

        return [
            act("role", self.role_view),
            act("link", require_POST(self.link_view)),
            act("unlock", require_POST(self.unlock_view)),
            act("reset", require_POST(self.reset_view)),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        user = kwargs.get("obj")
        if user is not None:
            context["may"] = {
                "role": self._may_ask(request, user),
                "link": user.is_active and may_act(staff_of(request), user, "link"),
                "unlock": is_guarded(user) and may_act(staff_of(request), user, "unlock"),
                "reset": has_second_factor(user) and may_act(staff_of(request), user, "reset"),
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def _may_ask(self, request: HttpRequest, user: User) -> bool:
        asks = request.user.has_perm("staff.add_rolerequest")
        return asks and user.pk != request.user.pk and not user.is_superuser

    def _account(self, request: HttpRequest, pk: int, act: str) -> User:
        user = get_object_or_404(self.get_queryset(request), pk=pk)
        if not may_act(staff_of(request), user, act):
            raise PermissionDenied
        return user

    def _back(self, user: User) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:staff_user_change", args=[user.pk]))

    def role_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        user = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self._may_ask(request, user):
            raise PermissionDenied
        current = {name: getattr(user, name) for name in ("role", "clinic", "region", "district")}
        form = RoleForm(request.POST or None, initial=current)
        if request.method == "POST" and form.is_valid():
            try:
                role_request = request_role(user=user, by=staff_of(request), **form.cleaned_data)
            except AccountRefused as refusal:
                form.add_error(None, str(refusal))
            else:
                granted = role_request.status == RequestStatus.GRANTED
                messages.success(
                    request,
                    _("The role is changed.")
                    if granted
                    else _("Asked for. Another person of the health authority decides."),
                )
                return self._back(user)
        return self.act_page(
            request,
            _("Role of %(name)s") % {"name": user.get_username()},
            lead=_(
                "A role that shows people's data takes effect when another person of the health "
                "authority grants it; any other at once."
            ),
            form=form,
            media=self.media + form.media,
            adminform=form.as_fieldsets(),
            submit=_("Ask for this role"),
            back=reverse("admin:staff_user_change", args=[user.pk]),
        )

    def link_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Shows a new link once. Its holder sets the account's password."""
        user = self._account(request, pk, "link")
        if not user.is_active:
            raise PermissionDenied
        return self.page(
            request,
            "admin/staff/user/link.html",
            _("Link for %(name)s") % {"name": user.get_username()},
            crumbs=[
                self.list_crumb(),
                (str(user), reverse("admin:staff_user_change", args=[user.pk])),
            ],
            original=user,
            link=request.build_absolute_uri(link_for(user, by=actor_of(staff_of(request)))),
        )

    def unlock_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        user = self._account(request, pk, "unlock")
        unlock(user=user)
        messages.success(request, _("Unlocked: wrong tries until now no longer count."))
        return self._back(user)

    def reset_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        user = self._account(request, pk, "reset")
        remove_second_factor(user=user, by=actor_of(staff_of(request)))
        messages.success(request, _("The second factor is removed; the next log-in sets up a new."))
        return self._back(user)
