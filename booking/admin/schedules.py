"""A clinic's opening hours, special days, and the slots that are made from them."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from booking.exceptions import ScheduleChanged
from booking.models import Clinic, OpeningHours, SpecialDay, Vaccine
from booking.models.opening_hours import WEEKDAYS
from booking.rules import FIRST_START
from booking.schedules import NoSlots, WeeklyHours, public_holidays
from booking.services import schedules
from booking.services.schedules import MOST_DAYS, DayChanges, Options
from database.clock import known_today
from staff.actors import actor_of
from staff.pages import StaffPages
from staff.services import staff_of
from web.inputs import DayInput
from web.language import reads_korean
from web.posted import form_data

REASONS = {
    NoSlots.CLOSED: gettext_lazy("Closed by the clinic"),
    NoSlots.HOLIDAY: gettext_lazy("Public holiday"),
    NoSlots.NO_HOURS: gettext_lazy("No opening hours"),
}
DEFAULT_DAYS = 28
_TIME = {"type": "time"}


def time_field(label: Any, *, required: bool = True) -> forms.TimeField:
    return forms.TimeField(
        label=label, required=required, widget=forms.TimeInput(attrs=_TIME, format="%H:%M")
    )


def date_field(label: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=DayInput())


class HoursForm(forms.ModelForm[OpeningHours]):
    """The hours of one vaccine, for several weekdays at once."""

    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Weekdays"),
        choices=WEEKDAYS,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
    )
    opens = time_field(gettext_lazy("Opens at"))
    closes = time_field(gettext_lazy("Closes at"))
    lunch_from = time_field(gettext_lazy("Lunch from"), required=False)
    lunch_to = time_field(gettext_lazy("Lunch to"), required=False)

    class Meta:
        model = OpeningHours
        fields = ["vaccine", "opens", "closes", "lunch_from", "lunch_to", "minutes", "capacity"]

    field_order = ["weekdays"]

    def clean_opens(self) -> Any:
        opens = self.cleaned_data["opens"]
        if opens < FIRST_START:
            raise forms.ValidationError(_("Appointments begin at 06:00 or later."))
        return opens

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        in_order = not self.errors and values["opens"] < values["closes"]
        if in_order and not self.hours_on(0).starts_on(known_today()):
            self.add_error("minutes", _("No slot of this length fits into these hours."))
        return values

    def hours_on(self, weekday: int) -> WeeklyHours:
        names = ["opens", "closes", "lunch_from", "lunch_to", "minutes", "capacity"]
        return WeeklyHours(
            weekday=weekday,
            vaccine_id=self.cleaned_data["vaccine"].pk,
            **{name: self.cleaned_data[name] for name in names},
        )


class SpecialDayForm(forms.ModelForm[SpecialDay]):
    """A closed day, or one with other hours; a holiday without either is closed."""

    on = date_field(gettext_lazy("Day"))
    closed = forms.TypedChoiceField(
        label=gettext_lazy("On this day"),
        choices=[("closed", gettext_lazy("closed all day")), ("open", gettext_lazy("open"))],
        coerce=lambda chosen: chosen == "closed",
        initial="closed",
        widget=forms.RadioSelect,
    )
    opens = time_field(gettext_lazy("Opens at"), required=False)
    closes = time_field(gettext_lazy("Closes at"), required=False)

    class Meta:
        model = SpecialDay
        fields = ["on", "closed", "opens", "closes"]

    def clean_on(self) -> date:
        on: date = self.cleaned_data["on"]
        if on < known_today():
            raise forms.ValidationError(_("This day is over. Choose a later one."))
        return on


class PeriodForm(forms.Form):
    """From which day to which slots are made, and how."""

    first = date_field(gettext_lazy("First day of the slots"))
    last = date_field(gettext_lazy("Last day of the slots"))
    fit_doses = forms.BooleanField(
        label=gettext_lazy("No more seats than doses on hand, where doses are entered"),
        required=False,
    )
    close_others = forms.BooleanField(
        label=gettext_lazy("Close what is free outside the opening hours"), required=False
    )

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and first < known_today():
            self.add_error("first", _("This day is over. Choose a later one."))
        elif first and last and last < first:
            self.add_error("last", _("The end comes before the beginning."))
        elif first and last and (last - first).days >= MOST_DAYS:
            self.add_error("last", _("At most %(days)s days at once.") % {"days": MOST_DAYS})
        return self.cleaned_data

    @property
    def options(self) -> Options:
        return Options(**self.cleaned_data)


class SchedulePages(StaffPages[Clinic]):
    """Pages of one clinic; who may see slots sees them, who may add and change slots changes."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "booking_clinic_"
        return [
            path("<int:pk>/schedule/", view(self.schedule_view), name=f"{name}schedule"),
            path(
                "<int:pk>/schedule/slots/", view(self.make_slots_view), name=f"{name}schedule_slots"
            ),
            path(
                "<int:pk>/schedule/hours/<int:row>/remove/",
                view(require_POST(self.remove_hours_view)),
                name=f"{name}schedule_remove_hours",
            ),
            path(
                "<int:pk>/schedule/days/<int:row>/remove/",
                view(require_POST(self.remove_day_view)),
                name=f"{name}schedule_remove_day",
            ),
            *super().get_urls(),
        ]

    def may_change_schedule(self, request: HttpRequest) -> bool:
        return all(
            request.user.has_perm(f"booking.{permission}_slot") for permission in ("add", "change")
        )

    def schedule_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Hours by weekday, special days and holidays; one form for each is posted here."""
        clinic = self._clinic(request, pk)
        posted = form_data(request)
        if posted is not None and not self.may_change_schedule(request):
            raise PermissionDenied
        of_day = posted is not None and "save_day" in posted
        hours_form = HoursForm(None if of_day else posted, initial={"minutes": 30, "capacity": 10})
        day_form = SpecialDayForm(posted if of_day else None)
        if posted is not None and self._saved(request, clinic, day_form if of_day else hours_form):
            return HttpResponseRedirect(request.path)
        today = known_today()
        last = today + timedelta(days=DEFAULT_DAYS - 1)
        return self._page(
            request,
            clinic,
            status=422 if posted is not None else 200,
            hours=OpeningHours.objects.filter(clinic=clinic).select_related("vaccine"),
            days=SpecialDay.objects.filter(clinic=clinic, on__gte=today),
            holidays=self._holidays(today),
            hours_form=hours_form,
            day_form=day_form,
            period_form=PeriodForm(initial={"first": today + timedelta(days=1), "last": last}),
            may_change=self.may_change_schedule(request),
        )

    def _saved(
        self, request: HttpRequest, clinic: Clinic, form: "HoursForm | SpecialDayForm"
    ) -> bool:
        """Save the posted form if it is valid; a day or weekday that has a row gets the new one."""
        if not form.is_valid():
            return False
        values = dict(form.cleaned_data)
        if isinstance(form, HoursForm):
            schedules.set_hours(clinic=clinic, wanted=form.hours_on(0), weekdays=values["weekdays"])
        else:
            SpecialDay.objects.update_or_create(clinic=clinic, on=values.pop("on"), defaults=values)
        messages.success(request, _("Saved. Slots change when you make them below."))
        return True

    def make_slots_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The preview of a period; a POST makes what the preview showed."""
        clinic = self._clinic(request, pk)
        if not self.may_change_schedule(request):
            raise PermissionDenied
        form = PeriodForm(request.POST if request.method == "POST" else request.GET)
        if not form.is_valid():
            return self._page(
                request, clinic, "schedule_slots.html", status=422, form=form, outdated="", days=[]
            )
        outdated = ""
        if request.method == "POST":
            outdated = self._make(request, clinic, form.options)
            if not outdated:
                return HttpResponseRedirect(_address("schedule", clinic.pk))
        korean = reads_korean()
        days = schedules.preview(clinic=clinic, options=form.options, korean=korean)
        vaccines = {vaccine.pk: vaccine for vaccine in Vaccine.objects.all()}
        return self._page(
            request,
            clinic,
            "schedule_slots.html",
            status=409 if outdated else 200,
            form=form,
            outdated=outdated,
            days=[_row(day, vaccines) for day in days],
            shown=schedules.fingerprint(days),
            added=sum(len(day.new) for day in days),
            changed=sum(len(day.changed) for day in days),
        )

    def _make(self, request: HttpRequest, clinic: Clinic, options: Options) -> str:
        """Make the slots; the text of the refusal if what was shown is outdated."""
        try:
            added, changed = schedules.make_slots(
                clinic=clinic,
                options=options,
                shown=request.POST.get("shown", ""),
                by=actor_of(staff_of(request)),
            )
        except ScheduleChanged as refusal:
            return str(refusal)
        texts = [
            ngettext("%(n)s slot added.", "%(n)s slots added.", added) % {"n": added},
            ngettext("%(n)s slot changed.", "%(n)s slots changed.", changed) % {"n": changed},
        ]
        messages.success(request, " ".join(texts))
        return ""

    def remove_hours_view(self, request: HttpRequest, pk: int, row: int) -> HttpResponse:
        return self._remove(request, OpeningHours, pk, row)

    def remove_day_view(self, request: HttpRequest, pk: int, row: int) -> HttpResponse:
        return self._remove(request, SpecialDay, pk, row)

    def _remove(
        self,
        request: HttpRequest,
        model: type[OpeningHours] | type[SpecialDay],
        pk: int,
        row: int,
    ) -> HttpResponse:
        clinic = self._clinic(request, pk)
        if not self.may_change_schedule(request):
            raise PermissionDenied
        removed, _by_model = model._default_manager.filter(clinic=clinic, pk=row).delete()
        if removed:
            messages.success(request, _("Removed. Slots change when you make them below."))
        else:
            messages.warning(request, _("It was removed already."))
        return HttpResponseRedirect(_address("schedule", clinic.pk))

    def _clinic(self, request: HttpRequest, pk: int) -> Clinic:
        """A clinic in this user's scope; raises PermissionDenied or Http404."""
        if not request.user.has_perm("booking.view_slot"):
            raise PermissionDenied
        clinic: Clinic = get_object_or_404(self.get_queryset(request), pk=pk)
        return clinic

    def _page(
        self,
        request: HttpRequest,
        clinic: Clinic,
        template: str = "schedule.html",
        **context: Any,
    ) -> HttpResponse:
        change = (clinic.name, reverse("admin:booking_clinic_change", args=[clinic.pk]))
        crumbs = [self.list_crumb(), change]
        end = _("Opening hours")
        if template != "schedule.html":
            crumbs.append((end, _address("schedule", clinic.pk)))
            end = _("Preview")
        return self.page(
            request,
            f"admin/booking/clinic/{template}",
            _("Opening hours and slots"),
            crumbs=crumbs,
            end=end,
            clinic=clinic,
            **context,
        )

    def _holidays(self, today: date) -> Iterable[tuple[date, str]]:
        korean = reads_korean()
        last = today + timedelta(days=MOST_DAYS)
        return sorted(public_holidays(today, last, korean=korean).items())


def _row(day: DayChanges, vaccines: dict[int, Vaccine]) -> dict[str, Any]:
    """One day of the preview in words."""
    starts = sorted(change.starts_at for change in day.changes if change.after)
    return {
        "on": day.plan.on,
        "reason": REASONS[day.plan.reason] if day.plan.reason else "",
        "holiday": day.plan.holiday,
        "first": starts[0] if starts else None,
        "last": starts[-1] if starts else None,
        "seats": day.seats,
        "new": len(day.new),
        "changed": day.changed,
        "kept": day.kept,
        "doses": [
            (vaccines[vaccine_id].name, number) for vaccine_id, number in sorted(day.doses.items())
        ],
    }


def _address(name: str, pk: int) -> str:
    return reverse(f"admin:booking_clinic_{name}", args=[pk])
