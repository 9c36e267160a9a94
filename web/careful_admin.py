"""The admin's pages under addresses that nobody links to: typed, guessed, or cut off."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, Model
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from web.posted import id_in

Row = TypeVar("Row", bound=Model)


class CarefulAutocomplete(AutocompleteSelect):
    """Chooses nothing where what was posted is no id; Django's looks it up unchecked."""

    def optgroups(
        self, name: str, value: Sequence[str], attr: dict[str, Any] | None = None
    ) -> list[Any]:
        ids = [posted for posted in value if id_in(str(posted)) is not None]
        return super().optgroups(name, ids, attr)


class CarefulMixin(admin.ModelAdmin[Row]):
    """Ignores invalid values in addresses and forms, where Django's admin would fail."""

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        values = super().get_changeform_initial_data(request)
        # The admin looks a foreign key up unchecked.
        keys = {field.name for field in self.opts.fields if field.is_relation}
        return {
            name: value
            for name, value in values.items()
            if name not in keys or id_in(str(value)) is not None
        }

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Row | None:
        # An empty `_to_field` is no field; Django would look for one without a name.
        return super().get_object(request, object_id, from_field or None)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # The admin adds a row for it whatever `save_as` says, past an add page of our own.
        if "_saveasnew" in request.POST and not self.save_as:
            raise PermissionDenied
        return super().change_view(request, object_id, form_url, extra_context)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", CarefulAutocomplete(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer = super().changelist_view(request, extra_context)
        # Django marks the address when it drops a wrong look-up, and takes the next one for a
        # database that fails.
        if getattr(answer, "template_name", "") == "admin/invalid_setup.html":
            return HttpResponseRedirect(request.path)
        return answer

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        try:
            return super().get_changelist_instance(request)
        except OverflowError as error:  # a year above 9999 in the date hierarchy
            raise IncorrectLookupParameters(error) from error
