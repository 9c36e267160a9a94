"""Admin of the cancellation list: entries with their rank and offers; adding and ending them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from booking.admin.filters import ClinicFilter, DistrictFilter, RegionFilter
from booking.admin.people import PersonColumns, PersonForm, as_fieldsets
from booking.areas import Area, clinic_key, district_key
from booking.enums import ON_THE_LIST, EntryStatus, OfferStatus
from booking.exceptions import AlreadyBooked, NoDoseLeft, OnTheListAlready
from booking.finder import availability
from booking.forms import ListEntryForm, weekdays_in_words
from booking.models import Clinic, ListEntry, Offer, Stock
from booking.services.courses import admission_for, next_dose_of
from booking.services.list_ranks import ranks_on_list
from booking.services.offers import Preferences, entries_at, join_list, leave_list
from database.clock import known_today
from eligibility.admin.people import PeopleSearchMixin
from staff.actors import actor_of
from staff.names import actor_name
from staff.scoping import ScopedAdmin, rows_for, sees_everything
from staff.services import staff_of
from web.careful_admin import CarefulAutocomplete
from web.language import named_languages

DAYS_OFFERED = 14


class StateFilter(admin.SimpleListFilter):
    """Entries on the list by default, else those that ended, or all."""

    title = gettext_lazy("status")
    parameter_name = "state"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, str]]:
        return [("left", _("Left, or has an appointment")), ("all", _("All"))]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("On the list")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        on_it = Q(status__in=ON_THE_LIST)
        return queryset.filter(~on_it if self.value() == "left" else on_it)


class EntryRegionFilter(RegionFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(entries_at(clinics=Clinic.objects.filter(region=self.value())))


class EntryDistrictFilter(DistrictFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        clinics = self._clinics(request).filter(district=self.value())
        return queryset.filter(entries_at(clinics=clinics))


class EntryClinicFilter(ClinicFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        visible = rows_for(staff_of(request), Clinic.objects.all(), clinic_path="")
        return queryset.filter(entries_at(clinics=visible.filter(code=self.value())))


class AddEntryForm(PersonForm, ListEntryForm):
    """The person to put on the list, and the slots that suit them."""

    clinic = forms.ModelChoiceField(
        label=gettext_lazy("Clinic"),
        queryset=Clinic.objects.none(),
        widget=CarefulAutocomplete(Stock._meta.get_field("clinic"), admin.site),
    )
    whole_district = forms.BooleanField(
        label=gettext_lazy("Any clinic of its district"), required=False
    )
    language = forms.ChoiceField(label=gettext_lazy("Messages in"), choices=named_languages())
    SUITABLE = (
        "clinic",
        "whole_district",
        "date_from",
        "date_to",
        "weekday",
        "part",
        "vaccine",
        "leftover",
        "language",
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, request=request, places=[], **kwargs)
        del self.fields["places"]  # replaced by a clinic and whole_district
        clinics = rows_for(staff_of(request), Clinic.objects.filter(active=True), clinic_path="")
        field = cast("forms.ModelChoiceField[Clinic]", self.fields["clinic"])
        field.queryset = clinics
        if staff_of(request).clinic_id:
            # Autocomplete is for lists too long for a select; setting the widget drops the choices,
            # which assigning the queryset again fills.
            field.widget = forms.Select()
            field.queryset = clinics
            field.initial = staff_of(request).clinic_id

    def preferences(self) -> Preferences:
        clinic = self.cleaned_data["clinic"]
        places = [clinic_key(clinic.pk)]
        if self.cleaned_data["whole_district"]:
            places.append(district_key(clinic.region, clinic.district))
        self.cleaned_data["places"] = places
        return super().preferences()


class OfferInline(admin.TabularInline[Offer, ListEntry]):
    model = Offer
    fields = readonly_fields = ("time", "clinic", "offered_at", "until", "status", "answered_at")
    extra = 0
    can_delete = False
    ordering = ["-offered_at"]
    verbose_name_plural = gettext_lazy("what was offered")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Offer]:
        return super().get_queryset(request).select_related("slot__clinic")

    def has_add_permission(self, request: HttpRequest, obj: ListEntry | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: ListEntry | None = None) -> bool:
        return request.user.has_perm("booking.view_listentry")

    def has_change_permission(self, request: HttpRequest, obj: ListEntry | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("time"))
    def time(self, offer: Offer) -> str:
        return f"{timezone.localtime(offer.slot.starts_at):%Y-%m-%d %H:%M}"

    @admin.display(description=gettext_lazy("clinic"))
    def clinic(self, offer: Offer) -> str:
        return offer.slot.clinic.name


@admin.register(ListEntry)
class ListEntryAdmin(PersonColumns, PeopleSearchMixin[ListEntry], ScopedAdmin[ListEntry]):
    """Entries in the order in which freed seats are offered."""

    list_display = [
        "rank",
        "name",
        "phone",
        "state",
        "offered",
        "suits",
        "where",
        "since",
    ]
    list_filter = [
        StateFilter,
        EntryRegionFilter,
        EntryDistrictFilter,
        EntryClinicFilter,
        "vaccine",
    ]
    list_select_related = ["person", "vaccine"]
    ordering = ["-priority", "joined_at", "pk"]
    sortable_by = ()
    show_full_result_count = False
    fields = readonly_fields = (
        "name",
        "birth_date",
        "phone",
        "dose",
        "where",
        "days",
        "weekdays",
        "hours",
        "kind",
        "leftover",
        "priority",
        "state",
        "joined_at",
        "put_on_by",
        "ended_at",
        "taken_off_by",
    )
    inlines = [OfferInline]
    change_list_template = "admin/people_list.html"
    change_form_template = "admin/booking/listentry/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ListEntry]:
        # Not ScopedAdmin's: entries are scoped by their areas, not by one clinic.
        rows = admin.ModelAdmin.get_queryset(self, request)
        if not sees_everything(staff_of(request)):
            clinics = rows_for(staff_of(request), Clinic.objects.all(), clinic_path="")
            rows = rows.filter(entries_at(clinics=clinics))
        counted = {
            status: Count("offers", filter=Q(offers__status=status)) for status in OfferStatus
        }
        still_open = Prefetch(
            "offers", Offer.objects.filter(status=OfferStatus.OPEN), to_attr="open_offers"
        )
        return rows.annotate(
            **{f"n_{name}": count for name, count in counted.items()}
        ).prefetch_related(still_open)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(
            request, {"title": capfirst(self.opts.verbose_name_plural), **(extra_context or {})}
        )

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        # For the rows of this page only: each rank is a count.
        ranks = ranks_on_list(entry.pk for entry in changelist.result_list)
        for entry in changelist.result_list:
            entry.rank = ranks.get(entry.pk)
        return changelist

    def has_change_permission(self, request: HttpRequest, obj: ListEntry | None = None) -> bool:
        return False  # entries change only through services

    def may_take_off(self, request: HttpRequest, entry: ListEntry) -> bool:
        return request.user.has_perm("booking.change_listentry") and entry.status in ON_THE_LIST

    @admin.display(description=gettext_lazy("place in the order"))
    def rank(self, entry: ListEntry) -> str:
        number = getattr(entry, "rank", None)
        return str(number) if number else "–"

    @admin.display(description=pgettext_lazy("where", "places"))
    def where(self, entry: ListEntry) -> str:
        return ", ".join(names_of(entry.places)) or "–"

    @admin.display(description=gettext_lazy("days"))
    def days(self, entry: ListEntry) -> str:
        return f"{entry.date_from:%Y-%m-%d} – {entry.date_to:%m-%d}"

    @admin.display(description=gettext_lazy("weekdays"))
    def weekdays(self, entry: ListEntry) -> str:
        return weekdays_in_words(entry.weekdays) or _("any")

    @admin.display(description=gettext_lazy("hours"))
    def hours(self, entry: ListEntry) -> str:
        if entry.any_hour:
            return _("any")
        return f"{entry.time_from:%H:%M} – {entry.time_to:%H:%M}"

    @admin.display(description=gettext_lazy("what would suit"))
    def suits(self, entry: ListEntry) -> str:
        days = f"{entry.date_from:%m-%d} – {entry.date_to:%m-%d}"
        limits = self.weekdays(entry), self.hours(entry), self.kind(entry)
        more = [text for text in limits if text != _("any")]
        return format_html_join(mark_safe("<br>"), "{}", ([text] for text in [days, *more]))

    @admin.display(description=gettext_lazy("joined at"))
    def since(self, entry: ListEntry) -> str:
        return f"{timezone.localtime(entry.joined_at):%m-%d %H:%M}"

    @admin.display(description=gettext_lazy("vaccine"))
    def kind(self, entry: ListEntry) -> str:
        return entry.vaccine.name if entry.vaccine else _("any")

    @admin.display(description=gettext_lazy("status"))
    def state(self, entry: ListEntry) -> str:
        text = entry.get_status_display()
        offers: list[Offer] = getattr(entry, "open_offers", [])  # fetched with the rows
        if entry.status == EntryStatus.OFFERED and offers:
            until = timezone.localtime(offers[0].until)
            text = _("%(state)s until %(time)s") % {"state": text, "time": f"{until:%H:%M}"}
        return text

    @admin.display(description=gettext_lazy("offers"))
    def offered(self, entry: ListEntry) -> str:
        counts = [
            (status.label, getattr(entry, f"n_{status}"))
            for status in OfferStatus
            if getattr(entry, f"n_{status}")
        ]
        return " · ".join(f"{label} {count}" for label, count in counts) or _("none yet")

    @admin.display(description=gettext_lazy("put on the list by"))
    def put_on_by(self, entry: ListEntry) -> str:
        return actor_name(entry.by)

    @admin.display(description=gettext_lazy("taken off by"))
    def taken_off_by(self, entry: ListEntry) -> str:
        return actor_name(entry.ended_by)

    def get_urls(self) -> list[URLPattern]:
        end = path(
            "<int:pk>/end/", self.admin_site.admin_view(self.end_view), name="booking_listentry_end"
        )
        return [end, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        entry = kwargs.get("obj")
        context["may_take_off"] = entry is not None and self.may_take_off(request, entry)
        return super().render_change_form(request, context, *args, **kwargs)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        today = known_today()
        form = AddEntryForm(
            request.POST or None,
            request=request,
            initial={"date_from": today, "date_to": today + timedelta(days=DAYS_OFFERED)},
        )
        if request.method == "POST" and form.is_valid():
            try:
                entry = self._put_on(request, form)
            except OnTheListAlready:
                form.add_error(None, _("This person is on the list already."))
            except AlreadyBooked:
                form.add_error(None, _("This person has an appointment for this dose already."))
            except NoDoseLeft as refusal:
                form.add_error(None, str(refusal))
            else:
                return HttpResponseRedirect(
                    reverse("admin:booking_listentry_change", args=[entry.pk])
                )
        return self.act_page(
            request,
            _("Put somebody on the cancellation list"),
            lead=_(
                "At their request only. What frees up is offered to them by message, in their turn."
            ),
            adminform=as_fieldsets(
                form, (_("Who"), list(form.ASKED)), (_("What would suit"), list(form.SUITABLE))
            ),
            form=form,
            media=self.media + form.media,
            submit=_("Put on the list"),
        )

    def _put_on(self, request: HttpRequest, form: AddEntryForm) -> ListEntry:
        person = form.person
        assert person  # the form is valid
        admission = admission_for(person.pk, also_ended=True)
        entry = join_list(
            person_id=person.pk,
            admission_id=admission.pk if admission else None,
            dose=next_dose_of(person.pk),
            by=actor_of(staff_of(request)),
            language=form.cleaned_data["language"],
            preferences=form.preferences(),
        )
        entry.refresh_from_db()  # joining may have made an offer on commit
        if entry.status == EntryStatus.OFFERED:
            messages.success(request, _("On the list, and a time that suits was offered at once."))
        else:
            number = ranks_on_list([entry.pk]).get(entry.pk)
            messages.success(request, _("On the list, at place %(number)s.") % {"number": number})
        return entry

    def end_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Confirm, then end the entry: its rank is lost for good."""
        entry = get_object_or_404(self.get_queryset(request).select_related("person"), pk=pk)
        if not self.may_take_off(request, entry):
            raise PermissionDenied
        if request.method == "POST":
            leave_list(person_id=entry.person_id, dose=entry.dose, by=actor_of(staff_of(request)))
            messages.success(request, _("Taken off the list."))
            return HttpResponseRedirect(reverse("admin:booking_listentry_change", args=[entry.pk]))
        self._record_row(request, entry)
        return self.act_page(
            request,
            _("Take %(name)s off the cancellation list?") % {"name": entry.person.name},
            original=entry,
            lead=_(
                "The place in the order is lost; an open offer goes to the next one on the list."
            ),
            submit=_("Take off the list"),
            back=reverse("admin:booking_listentry_change", args=[entry.pk]),
        )


def names_of(places: list[str]) -> list[str]:
    """The names of an entry's clinics and districts."""
    directory = availability.directory()
    areas = [Area.of(key) for key in places]
    return [directory.area_name(area) or f"#{area.clinic_id}" for area in areas]
