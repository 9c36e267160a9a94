"""Pages on which a list of residents is booked for a visit: typed, looked at, booked."""

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from booking.admin.desk.wording import staff_message
from booking.admin.home_visits.forms import ListForm
from booking.admin.people import people_for, reservations_for
from booking.enums import LIVE
from booking.exceptions import ListChanged, Refused
from booking.models import HomeVisit, Reservation
from booking.residents import BadList, ResidentState, read_list
from booking.services.visit_lists import Resident, book_list, key_of, look_at
from database.clock import known_today
from staff.actors import actor_of
from staff.enums import Act
from staff.pages import Crumb
from staff.scoping import TOO_MANY_GUESSES, ScopedAdmin
from staff.services import guesses_too_often, record_access, staff_of
from web.posted import id_in

S = ResidentState


class ListPages(ScopedAdmin[HomeVisit]):
    """The frame of a visit's pages, and those of its list."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "booking_homevisit_"
        return [
            path("<int:pk>/list/", view(self.list_view), name=f"{name}list"),
            path("<int:pk>/book/", view(require_POST(self.book_view)), name=f"{name}book"),
            *super().get_urls(),
        ]

    def visit(self, request: HttpRequest, pk: str) -> HomeVisit:
        """A visit in this user's scope; raises PermissionDenied or Http404."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        visit_id = id_in(pk)
        if visit_id is None:
            raise Http404
        visit: HomeVisit = get_object_or_404(self.get_queryset(request), pk=visit_id)
        return visit

    def visit_to_change(self, request: HttpRequest, pk: int) -> HomeVisit:
        visit = self.visit(request, str(pk))
        if not self.has_change_permission(request, visit):
            raise PermissionDenied
        return visit

    def crumbs(self, visit: HomeVisit) -> list[Crumb]:
        return [self.list_crumb(), (visit.slot.place.name, address_of(visit))]

    def visit_page(
        self, request: HttpRequest, template: str, visit: HomeVisit, title: str, **context: Any
    ) -> HttpResponse:
        template = f"admin/booking/home_visit/{template}"
        return self.page(request, template, title, visit=visit, slot=visit.slot, **context)

    def record(
        self,
        request: HttpRequest,
        act: Act,
        what: str,
        visit: HomeVisit,
        people: Iterable[int],
        **data: Any,
    ) -> None:
        day = f"{timezone.localtime(visit.slot.starts_at):%Y-%m-%d}"
        data = {"home": visit.slot.place.name, "day": day, **data}
        record_access(request, act=act, what=what, data=data, people=people)

    def list_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Type or upload a list; POST, or `first` in the query, shows what booking would do."""
        visit = self.visit_to_change(request, pk)
        if request.method == "POST":
            form = ListForm(request.POST, request.FILES)
            return self._look(request, visit, form)
        if "first" in request.GET and visit.first_id:
            form = ListForm({"text": _keys_of_first(visit)})
            return self._look(request, visit, form)
        return self._list_page(request, visit, ListForm())

    def _look(
        self, request: HttpRequest, visit: HomeVisit, form: ListForm, refusal: str = ""
    ) -> HttpResponse:
        if guesses_too_often(staff_of(request)):
            form.add_error(None, TOO_MANY_GUESSES)
        if not form.is_valid():
            return self._list_page(request, visit, form, refusal)
        text = form.list_text()
        try:
            residents = self._residents(request, visit, text)
        except BadList as problem:
            form.add_error("text", str(problem))
            return self._list_page(request, visit, form, refusal)
        people = [row.person.pk for row in residents if row.person]
        self.record(request, Act.SEARCH, "visit_list", visit, people, found=len(people))
        return self._list_page(
            request,
            visit,
            ListForm(initial={"text": text}),
            refusal,
            preview=_preview(residents),
            text=text,
            key=uuid.uuid4(),
        )

    def _residents(self, request: HttpRequest, visit: HomeVisit, text: str) -> list[Resident]:
        lines = read_list(text, today=known_today())
        user = staff_of(request)
        return look_at(
            visit=visit, lines=lines, among=people_for(user), visible=reservations_for(user)
        )

    def visible(self, request: HttpRequest, ids: list[int]) -> set[int]:
        """The appointments among these that the user may see; of others only that they exist."""
        rows = reservations_for(staff_of(request)).filter(pk__in=ids)
        return set(rows.values_list("pk", flat=True))

    def _list_page(
        self,
        request: HttpRequest,
        visit: HomeVisit,
        form: ListForm,
        refusal: str = "",
        **context: Any,
    ) -> HttpResponse:
        return self.visit_page(
            request,
            "list.html",
            visit,
            _("Book a list"),
            crumbs=self.crumbs(visit),
            status=409 if refusal else 422 if form.errors else 200,
            form=form,
            refusal=refusal,
            **{"preview": None, "text": "", "key": "", **context},
        )

    def book_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Book the people whom the preview showed as bookable (`shown`), all or none."""
        visit = self.visit_to_change(request, pk)
        form = ListForm({"text": request.POST.get("text", "")})
        try:
            key = uuid.UUID(request.POST.get("key", ""))
        except ValueError:
            return self._look(request, visit, form, staff_message(ListChanged()))
        if guesses_too_often(staff_of(request)) or not form.is_valid():
            return self._look(request, visit, form)
        try:
            residents = self._residents(request, visit, form.list_text())
        except BadList:
            return self._look(request, visit, form)
        people = _bookable(residents, key)
        if not people or fingerprint(people) != request.POST.get("shown"):
            return self._look(request, visit, form, staff_message(ListChanged()))
        try:
            booked = book_list(
                visit_id=visit.pk, people=people, key=key, by=actor_of(staff_of(request))
            )
        except Refused as refusal:
            visit = self.visit_to_change(request, pk)  # with the counters of now
            return self._look(request, visit, form, staff_message(refusal))
        self.record(request, Act.CHANGE, "visit_book", visit, people, count=len(booked))
        text = ngettext("%(n)s person is booked.", "%(n)s people are booked.", len(booked))
        messages.success(request, text % {"n": len(booked)})
        return HttpResponseRedirect(address_of(visit))


def address_of(visit: HomeVisit) -> str:
    return reverse("admin:booking_homevisit_change", args=[visit.pk])


def fingerprint(people: Iterable[int]) -> str:
    """Names the people of a preview, so that who is booked is who was shown."""
    return hashlib.sha256(repr(sorted(people)).encode()).hexdigest()[:16]


def _bookable(residents: Iterable[Resident], key: uuid.UUID) -> list[int]:
    """The people to book; those whom this very form booked before count too (sent twice)."""
    return [
        row.person.pk
        for row in residents
        if row.person
        and (row.state == S.FITS or (row.booked and row.booked.key == key_of(key, row.person.pk)))
    ]


def _preview(residents: Sequence[Resident]) -> dict[str, Any]:
    counts = Counter(row.state for row in residents)
    people = [row.person.pk for row in residents if row.person and row.state == S.FITS]
    left_out = len(residents) - len(people)
    return {
        "rows": [_row(row) for row in _problems_first(residents)],
        "counts": [(S(state).label, counts[state]) for state in S if counts[state]],
        "people": len(people),
        "left_out": left_out,
        "shown": fingerprint(people),
    }


def _problems_first(residents: Sequence[Resident]) -> list[Resident]:
    return sorted(residents, key=lambda row: (row.state == S.FITS, row.line.number))


def _row(row: Resident) -> dict[str, Any]:
    note = row.note
    if row.state == S.BOOKED and row.booked:
        when = f"{timezone.localtime(row.booked.slot.starts_at):%Y-%m-%d %H:%M}"
        where = f"{when} {row.booked.slot.place.name}. " if row.shows_booked else ""
        note = where + _("It stays as it is.")
    return {
        "line": row.line,
        "person": row.person,
        "fits": row.state == S.FITS,
        "state": row.state.label,
        "note": note,
    }


def _keys_of_first(visit: HomeVisit) -> str:
    """The roster keys of those who have, or had, their first dose at the first visit."""
    rows = Reservation.objects.filter(
        slot__visit=visit.first_id, dose=1, status__in=LIVE, person__roster_key__isnull=False
    )
    keys = rows.order_by("pk").values_list("person__roster_key", flat=True)
    return "\n".join(key for key in keys if key)
