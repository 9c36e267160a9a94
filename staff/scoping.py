"""Limits rows to the user's clinic or region: one rule for lists, pages, actions, searches,
autocompletion and downloads."""

import base64
import binascii
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.db.models.fields.related import RelatedField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy

from privacy.cipher import UnreadableData, decrypt, encrypt
from staff.enums import AT_A_CLINIC, Act, Role
from staff.history import HistoryMixin
from staff.hooks import person_pages
from staff.models import User
from staff.pages import Row
from staff.services import guesses_too_often, record_access, staff_of
from web.careful_admin import CarefulMixin

TOO_MANY_GUESSES = gettext_lazy(
    "Too many searches found nobody. Wait ten minutes; each one is on record."
)
# Attribute of a request whose search was refused.
REFUSED = "search_refused"


def sees_everything(user: User) -> bool:
    return user.is_superuser or user.role in (Role.AUTHORITY, Role.OPERATOR, Role.AUDITOR)


def rows_for(
    user: User,
    queryset: QuerySet[Row],
    *,
    clinic_path: str | None = None,
    region_path: str | None = None,
) -> QuerySet[Row]:
    """The rows of the user's clinic or region; no rows for a user with neither.

    `clinic_path` is the lookup from a row to its clinic ("" for the clinic itself), `region_path`
    that to the object with `region` and `district`, if it is not the clinic.
    """
    if sees_everything(user):
        return queryset
    if user.role in AT_A_CLINIC and user.clinic_id and clinic_path is not None:
        return queryset.filter(**{clinic_path or "pk": user.clinic_id})
    path = clinic_path if region_path is None else region_path
    area = _area_of(user)
    if area and path is not None:
        prefix = f"{path}__" if path else ""
        return queryset.filter(**{f"{prefix}{name}": value for name, value in area.items()})
    return queryset.none()


def _area_of(user: User) -> dict[str, str]:
    """Region and district of a local government; {} for a user of none."""
    if user.role != Role.LOCAL or not user.region:
        return {}
    # Without a district it is a provincial government, which sees its whole region.
    area = {"region": user.region, "district": user.district}
    return {name: value for name, value in area.items() if value}


def is_resident_of(user: User, row: Any) -> bool:
    """Whether this row, with `region` and `district`, lies in the area of a local government; the
    rule of `rows_for` for a row that is loaded already."""
    area = _area_of(user)
    return bool(area) and all(getattr(row, name) == value for name, value in area.items())


class ScopedAdmin(CarefulMixin[Row], HistoryMixin[Row]):
    """An admin limited to the rows of the user's clinic or region.

    Nothing is deleted in the admin: services end rows, so that their history stays.
    """

    clinic_path: ClassVar[str | None] = None
    region_path: ClassVar[str | None] = None
    # Short pages, as every person on a page is recorded as seen.
    list_per_page = 50
    list_max_show_all = 200

    def get_queryset(self, request: HttpRequest) -> QuerySet[Row]:
        return rows_for(
            staff_of(request),
            super().get_queryset(request),
            clinic_path=self.clinic_path,
            region_path=self.region_path,
        )

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return False

    def get_field_queryset(
        self, db: str | None, db_field: RelatedField[Any, Any], request: HttpRequest
    ) -> QuerySet[Any] | None:
        """Choices of a foreign key: the rows that the related model's admin shows this user.

        The form validates against the same rows.
        """
        other = self.admin_site._registry.get(db_field.remote_field.model)
        if other is not None:
            return other.get_queryset(request)
        return super().get_field_queryset(db, db_field, request)


class PersonalDataMixin(admin.ModelAdmin[Row]):
    """Records whose data a user saw, in lists and on pages, and encrypts searches in addresses."""

    # Attribute of a row with its person's id.
    person_path: ClassVar[str] = "person_id"
    # Whether the list stays empty until a search: nobody needs to browse the whole roster.
    search_first: ClassVar[bool] = False
    holds_people: ClassVar[bool] = True  # read by staff.site, which can't import this module

    def people_of(self, rows: Iterable[Any]) -> list[int]:
        return [getattr(row, self.person_path) for row in rows]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "POST" and "search" in request.POST:
            return self._hide_search(request)
        more = {"shown_query": self.search_term(request), "search_first": self.search_first}
        response = super().changelist_view(request, {**(extra_context or {}), **more})
        changelist = (getattr(response, "context_data", None) or {}).get("cl")
        if changelist is not None:
            people = self.people_of(changelist.result_list)
            if getattr(request, REFUSED, False):
                self._record(request, Act.SEARCH, self.opts.label_lower, [], refused=True)
            elif changelist.query:
                # The count, as repeated searches without a result may be guessing.
                count = {"found": changelist.result_count}
                self._record(request, Act.SEARCH, self.opts.label_lower, people, **count)
            elif people:
                self._record(request, Act.LIST, self.opts.label_lower, people)
        return response

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        response = super().changeform_view(request, object_id, *args, **kwargs)
        context = getattr(response, "context_data", None) or {}
        row = context.get("original")
        if row is not None:
            context["person_page"] = self.page_of_person(request, row)
            self._record_row(request, row)
        return response

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().history_view(request, object_id, extra_context)
        self._record_row(request, getattr(response, "context_data", {})["object"])
        return response

    def page_of_person(self, request: HttpRequest, row: Any) -> str:
        """The address of the page about the row's person; "" if there is none for this user."""
        [person_id] = self.people_of([row])
        return next((address for find in person_pages if (address := find(request, person_id))), "")

    def _record_row(self, request: HttpRequest, row: Any) -> None:
        people = self.people_of([row])
        self._record(request, Act.DETAIL, self.opts.label_lower, people, row=str(row))

    def _record(
        self, request: HttpRequest, act: Act, what: str, people: list[int], **data: Any
    ) -> None:
        record_access(request, act=act, what=what, data=data, people=people)

    def _hide_search(self, request: HttpRequest) -> HttpResponse:
        """Redirect a posted search to an address with the encrypted term: addresses end up in logs
        and browser histories."""
        query = request.GET.copy()
        for name in ["q", "p"]:
            query.pop(name, None)
        term = self.typed_term(request)
        if term:
            encrypted = encrypt(term, context=self._search_context(request))
            query["q"] = base64.urlsafe_b64encode(encrypted).decode()
        return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")

    def typed_term(self, request: HttpRequest) -> str:
        return request.POST.get("search", "").strip()[:100]

    def search_term(self, request: HttpRequest) -> str:
        """The decrypted search term; "" in an address that was made for another user or model."""
        try:
            encrypted = base64.urlsafe_b64decode(request.GET.get("q", ""))
            return decrypt(encrypted, context=self._search_context(request)) if encrypted else ""
        except (UnreadableData, binascii.Error, ValueError):
            return ""

    def _search_context(self, request: HttpRequest) -> bytes:
        return f"search:{self.opts.label_lower}:{request.user.pk}".encode()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Row], search_term: str
    ) -> tuple[QuerySet[Row], bool]:
        if not search_term:
            return queryset.none() if self.search_first else queryset, False
        if guesses_too_often(staff_of(request)):
            messages.error(request, TOO_MANY_GUESSES)
            setattr(request, REFUSED, True)  # `changelist_view` records it
            return queryset.none(), False
        # `search_term` is the encrypted text of the address.
        return self.find(queryset, self.search_term(request)), False

    def find(self, queryset: QuerySet[Row], term: str) -> QuerySet[Row]:
        """The rows that `term` finds: by number, phone, or name with birth date."""
        raise NotImplementedError
