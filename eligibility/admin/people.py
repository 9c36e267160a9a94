import re
from datetime import date, datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy

from database.clock import known_today
from eligibility.indexes import name_birth_indexes, phone_indexes
from eligibility.models import Decision, Person
from eligibility.reasons import sentence
from eligibility.spelling import any_phone, birth_date, masked_phone, shown_phone
from staff.pages import Row
from staff.scoping import PersonalDataMixin, ScopedAdmin
from web.paging import CappedPaginator
from web.posted import id_in

_NAME_AND_BIRTH = re.compile(r"(?P<name>\D+?)[\s,]*(?P<birth>\d[\d\s.\-/년월일]*)")


def people_meant(term: str) -> list[int] | None:
    """Ids of the people with this phone, number (#12), or name and birth date; None if `term` is
    none of these.

    Names and phones are encrypted: only full values can be found, by their blind indexes.
    """
    term = term.strip()
    number = id_in(term[1:]) if term.startswith("#") else None
    if number is not None:
        return [number]
    try:
        indexes = phone_indexes(any_phone(term))
        return list(Person.objects.filter(phone_index__in=indexes).values_list("pk", flat=True))
    except ValueError:
        pass
    match = _NAME_AND_BIRTH.fullmatch(term)
    if match is None:
        return None
    try:
        born = birth_date(match["birth"], today=_today())
    except ValueError:
        return None
    indexes = name_birth_indexes(match["name"], born)
    return list(Person.objects.filter(name_birth_index__in=indexes).values_list("pk", flat=True))


def moment(at: datetime | None) -> str:
    """Local time as 2026-07-19 20:00, short enough for a column; "–" for None."""
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}" if at else "–"


def _today() -> date:
    return known_today()


class DecisionsInline(admin.TabularInline[Decision, Person]):
    model = Decision
    fields = readonly_fields = ("cohort", "eligible", "because", "window_from", "window_to")
    extra = 0
    can_delete = False
    verbose_name_plural = gettext_lazy("what they were told")

    def has_add_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        return request.user.has_perm("eligibility.view_person")

    def has_change_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("because"))
    def because(self, decision: Decision) -> str:
        return _because(decision)


class PeopleSearchMixin(PersonalDataMixin[Row]):
    """Searches rows by their person, for whom `people_meant` takes the term."""

    search_fields = ["pk"]  # only makes the admin show the box; `find` searches
    search_help_text = gettext_lazy("Mobile phone, or name and date of birth (김영희 1962-03-01)")

    def find(self, queryset: QuerySet[Row], term: str) -> QuerySet[Row]:
        people = people_meant(term)
        if people is None:
            return queryset.none()
        return queryset.filter(**{f"{self.person_path}__in": people})


class ReadOnlyAdmin(PeopleSearchMixin[Row], ScopedAdmin[Row]):
    """Rows with personal data that staff may view, each look recorded, and not edit."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return False


@admin.register(Person)
class PersonAdmin(ReadOnlyAdmin[Person]):
    """People, found one at a time by a full value. Only the roster import changes them."""

    region_path = ""
    person_path = "pk"
    search_first = True
    list_display = ["number", "shown_name", "born", "masked", "region", "district", "source"]
    list_filter = ["source"]
    ordering = ["pk"]
    sortable_by = ()
    show_full_result_count = False
    fields = readonly_fields = (
        "number",
        "shown_name",
        "born",
        "mobile",
        "region",
        "district",
        "groups",
        "source",
        "roster_key",
        "created_at",
    )
    inlines = [DecisionsInline]
    change_form_template = "admin/person_row.html"
    change_list_template = "admin/people_list.html"

    @admin.display(description=gettext_lazy("number"))
    def number(self, person: Person) -> str:
        return str(person)

    @admin.display(description=gettext_lazy("name"))
    def shown_name(self, person: Person) -> str:
        return person.name

    @admin.display(description=gettext_lazy("date of birth"))
    def born(self, person: Person) -> str:
        return person.birth_date.isoformat()

    @admin.display(description=gettext_lazy("mobile phone"))
    def masked(self, person: Person) -> str:
        """Unmasked only on the person's page, whose viewing is recorded."""
        return masked_phone(person.phone)

    @admin.display(description=gettext_lazy("mobile phone"))
    def mobile(self, person: Person) -> str:
        return shown_phone(person.phone)


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin[Decision]):
    region_path = "person"
    list_display = ["person", "cohort", "eligible", "because", "window_from", "window_to"]
    list_filter = ["eligible", "provisional", "cohort"]
    list_select_related = ["person", "cohort"]
    ordering = ["-pk"]  # nearly as they were decided, and by an index
    sortable_by = ()
    show_full_result_count = False
    paginator = CappedPaginator
    fields = readonly_fields = (
        "person",
        "cohort",
        "eligible",
        "provisional",
        "because",
        "window_from",
        "window_to",
        "decided_at",
    )
    change_list_template = "admin/people_list.html"

    @admin.display(description=gettext_lazy("because"))
    def because(self, decision: Decision) -> str:
        return _because(decision)


def _because(decision: Decision) -> str:
    return " ".join(sentence(code, values) for code, values in decision.reasons)
