from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from staff.enums import Role
from staff.history import HistoryMixin
from staff.models import Access, User
from staff.scoping import CarefulMixin

if admin.site.is_registered(Group):
    # Rights follow from the role (staff.roles); groups would only pretend to give some.
    admin.site.unregister(Group)


class _RoleRules:
    """A role needs the place it works at; the database says the same."""

    def clean(self):
        values = super().clean()
        if values.get("role") == Role.CLINIC and not values.get("clinic"):
            self.add_error("clinic", _("Choose the clinic this person works at."))
        if values.get("role") == Role.LOCAL and not values.get("region"):
            self.add_error("region", _("Choose the region this person works for."))
        return values


def _regions() -> list[tuple[str, str]]:
    clinic = User._meta.get_field("clinic").related_model
    names = clinic.objects.order_by("region").values_list("region", flat=True).distinct()
    return [("", "–"), *((name, name) for name in names)]


class UserForm(_RoleRules, UserChangeForm):
    region = forms.ChoiceField(label=_("region"), choices=_regions, required=False)


class NewUserForm(_RoleRules, AdminUserCreationForm):
    region = forms.ChoiceField(label=_("region"), choices=_regions, required=False)


@admin.register(User)
class UserAdmin(CarefulMixin, HistoryMixin, DjangoUserAdmin):
    form = UserForm
    add_form = NewUserForm
    list_display = ["username", "role", "clinic", "region", "district", "is_active", "last_login"]
    list_filter = ["role", "is_active", "region"]
    list_select_related = ["clinic"]
    search_fields = ["username", "first_name", "last_name", "clinic__name"]
    autocomplete_fields = ["clinic"]
    filter_horizontal = []
    readonly_fields = ["last_login", "date_joined"]
    _work = (_("Works as"), {"fields": ["role", "clinic", "region", "district"]})
    fieldsets = [
        (None, {"fields": ["username", "password", "is_active"]}),
        _work,
        (_("Person"), {"fields": ["last_name", "first_name", "email"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["username", "usable_password", "password1", "password2"]}),
        _work,
    ]

    def save_model(self, request, obj, form, change) -> None:
        # Everybody with an account works in the admin; what they see is the role's part.
        obj.is_staff = True
        super().save_model(request, obj, form, change)

    def has_change_permission(self, request, obj=None) -> bool:
        # Whoever could set a superuser's password would be one.
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None) -> bool:
        return False  # switch off instead: the records of what they did must keep their name


@admin.register(Access)
class AccessAdmin(CarefulMixin, admin.ModelAdmin):
    list_display = ["at", "user", "act", "what", "number_of_people", "address", "reason"]
    list_filter = ["act", "at"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    search_help_text = _("User name, or the number of the person whose data was seen")
    date_hierarchy = "at"
    show_full_result_count = False

    @admin.display(description=_("people"))
    def number_of_people(self, access: Access) -> int:
        return len(access.people)

    def get_search_results(self, request, queryset, search_term):
        number = search_term.strip().removeprefix("#")
        if number.isdecimal() and len(number) < 19:
            return queryset.filter(people__contains=[int(number)]), False
        return super().get_search_results(request, queryset, search_term)

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False
