"""Pages and fragments of the clinic's day, mixed into the reservation admin."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from booking.admin.day.finding import Day, Found, find, people_of
from booking.admin.day.hours import (
    ON_THE_DAY,
    SlotCounts,
    Window,
    bounds_of,
    counts_of,
    hours_of,
    next_day_with_people,
    totals_of,
    version_of,
    window_around,
    window_of_hour,
)
from booking.admin.day.marks import TAKE_BACK, press
from booking.admin.day.paper import paper_rows
from booking.admin.day.rows import (
    Entry,
    anchor_of,
    change_links,
    entries_of,
    people_of_window,
    people_shown,
    rows_of_day,
)
from booking.admin.day.terms import read_term
from booking.admin.sheets import day_asked_for, sheet_address
from booking.enums import ReservationStatus
from booking.exceptions import DetailsNeeded, Refused
from booking.models import Clinic, Reservation, Slot
from booking.rules import day_of
from database.clock import known_now
from staff.actors import actor_of
from staff.enums import AT_A_CLINIC, Act
from staff.pages import StaffPages
from staff.scoping import TOO_MANY_GUESSES, PersonalDataMixin
from staff.services import guesses_too_often, record_access, staff_of
from web.posted import id_in

# A poll asks also for what changed so long before the last one: a change is dated when it begins
# and seen when it is committed.
OVERLAP = timedelta(seconds=10)
# The header by which the page's script asks for a fragment; forms sent without it get a page.
FRAGMENT = "X-Jari-Fragment"
# The header of an answer to the script: the page on which to go on.
LOCATION = "X-Jari-Location"


class Shown(NamedTuple):
    """What a request asks to see. `hour` is None for the part around now."""

    clinic: Clinic
    on: date
    hour: int | None
    now: datetime

    @property
    def today(self) -> date:
        return day_of(self.now)

    @property
    def starts_from(self) -> datetime:
        """The instant around which the page begins: now, or the first minute of another day."""
        return self.now if self.on == self.today else bounds_of(self.on).start

    def address(self, hour: int | None = None) -> str:
        """The page of this day, at an hour or around now."""
        part = "" if hour is None else f"&hour={hour}"
        return f"{sheet_address(self.clinic, self.on)}{part}"


class DayPages(PersonalDataMixin[Reservation], StaffPages[Reservation]):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "booking_reservation_"
        return [
            path("day/", view(self.day_view), name=f"{name}day"),
            path("day/find/", view(self.find_view), name=f"{name}day_find"),
            path("day/changes/", view(require_GET(self.changes_view)), name=f"{name}day_changes"),
            path("day/list/", view(require_GET(self.list_view)), name=f"{name}day_list"),
            path("<int:pk>/mark/", view(require_POST(self.mark_view)), name=f"{name}mark"),
            *super().get_urls(),
        ]

    def has_mark_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("booking.change_reservation")

    def day_view(self, request: HttpRequest) -> HttpResponse:
        """The day of one clinic: the box, the people around now, and the hours."""
        shown = self._shown(request)
        return self._choose_clinic(request) if shown is None else self._day_page(request, shown)

    def _day_page(self, request: HttpRequest, shown: Shown, **more: Any) -> TemplateResponse:
        counts = counts_of(shown.clinic, shown.on)
        window = self._window(shown, counts)
        entries = self._entries(request, shown, window)
        if entries:
            self._record_look(request, shown, window, entries)
        frame = self._frame(request, shown, counts, window)
        is_empty = frame["is_empty"]
        return self.page(
            request,
            "admin/booking/day/day.html",
            _("Today") if shown.on == shown.today else f"{shown.on:%Y-%m-%d}",
            day=frame,
            entries=entries,
            next_at=next_day_with_people(shown.clinic, shown.on) if is_empty else None,
            **{"found": None, "text": "", **more},
        )

    def _frame(
        self, request: HttpRequest, shown: Shown, counts: list[SlotCounts], window: Window
    ) -> dict[str, Any]:
        """Context of the page and of the fragments that a poll replaces."""
        hours = hours_of(counts, window, shown.now)
        for hour in hours:
            hour.address = shown.address(hour.starts_at.hour)
        one_day = timedelta(days=1)
        return {
            **_row_frame(request, shown.clinic, shown.address(shown.hour)),
            "on": shown.on,
            "is_today": shown.on == shown.today,
            "is_empty": not any(slot.people for slot in counts),
            "is_past": shown.on < shown.today,
            "hour": shown.hour,
            "hours": hours,
            "totals": totals_of(hours),
            "window": window,
            **_beside(shown, counts, window),
            "version": version_of(counts, hours),
            "since": int(shown.now.timestamp() * 1000),
            "before": sheet_address(shown.clinic, shown.on - one_day),
            "after": sheet_address(shown.clinic, shown.on + one_day),
            "today_address": sheet_address(shown.clinic, None),
            "list_address": _beneath("day_list", shown),
            "find_address": _beneath("day_find", shown),
            "changes_address": _beneath("day_changes", shown),
            "may_book": _may_book(request),
            "may_mark": self.has_mark_permission(request),
            "may_close": request.user.has_perm("booking.add_closure"),
        }

    def _window(self, shown: Shown, counts: list[SlotCounts]) -> Window:
        if shown.hour is not None:
            return window_of_hour(shown.on, shown.hour)
        return window_around(shown.starts_from, counts)

    def _entries(
        self,
        request: HttpRequest,
        shown: Shown,
        window: Window,
        changed_since: datetime | None = None,
    ) -> list[Entry]:
        rows = self._rows(request, shown, window)
        if changed_since is not None:
            rows = rows.filter(changed_at__gte=changed_since)
        return self._as_entries(request, list(rows), shown.now)

    def _rows(self, request: HttpRequest, shown: Shown, window: Window) -> QuerySet[Reservation]:
        around_now = shown.hour is None and shown.on == shown.today
        # A slot once, not once for each of its people; its clinic is on no row.
        slots = Slot.objects.select_related("home", "vaccine")
        rows = self.get_queryset(request).select_related(None).select_related("person__wish")
        return people_of_window(
            rows.prefetch_related(Prefetch("slot", slots)),
            shown.clinic,
            window,
            earlier_from=bounds_of(shown.on).start if around_now else None,
            now=shown.now,
        )

    def _as_entries(
        self, request: HttpRequest, rows: list[Reservation], now: datetime
    ) -> list[Entry]:
        return entries_of(
            rows,
            self.get_queryset(request),
            now=now,
            may_mark=self.has_mark_permission(request),
            user=staff_of(request),
        )

    def _rows_of_signs(self, request: HttpRequest) -> QuerySet[Reservation]:
        """Reservations with what their signs are read from (hooks.row_signs)."""
        return self.get_queryset(request).select_related("person__wish")

    def _record_look(
        self, request: HttpRequest, shown: Shown, window: Window, entries: list[Entry]
    ) -> None:
        """One record of a look at a part of the day; marks made on the page add none."""
        data = {"clinic": shown.clinic.code, "day": f"{shown.on} {_hours_text(window)}"}
        record_access(request, act=Act.LIST, what="day", data=data, people=people_shown(entries))

    def changes_view(self, request: HttpRequest) -> HttpResponse:
        """What changed since the last answer; 304 if nothing did. Asked every other second."""
        shown = self._shown(request)
        if shown is None:
            raise PermissionDenied
        counts = counts_of(shown.clinic, shown.on)
        window, moved = self._polled_window(request, shown, counts)
        frame = self._frame(request, shown, counts, window)
        if not moved and request.headers.get("If-None-Match") == frame["version"]:
            response = HttpResponse(status=304)
        else:
            since = None if moved else _instant(request.GET.get("since", ""))
            response = self._changes(request, shown, window, frame, since)
        response["ETag"] = frame["version"]
        return response

    def _polled_window(
        self, request: HttpRequest, shown: Shown, counts: list[SlotCounts]
    ) -> tuple[Window, bool]:
        """(the window of the page, whether it moves on now: an idle page follows the time)."""
        bounds, window = bounds_of(shown.on), self._window(shown, counts)
        start, end = (_instant(request.GET.get(name, "")) for name in ("start", "end"))
        if start is None or end is None:
            return window, True
        polled = Window(max(start, bounds.start), min(end, bounds.end))
        moves = "follow" in request.GET and shown.hour is None and polled != window
        return (window, True) if moves else (polled, False)

    def _changes(
        self,
        request: HttpRequest,
        shown: Shown,
        window: Window,
        frame: dict[str, Any],
        since: datetime | None,
    ) -> HttpResponse:
        rows = self._rows(request, shown, window)
        changed_since = since - OVERLAP if since else None
        entries = self._entries(request, shown, window, changed_since)
        # People new on the page: all of a part it moves on to, else those just booked or moved.
        new = [
            entry
            for entry in entries
            if since is None or entry.row.status == ReservationStatus.CONFIRMED
        ]
        if new:
            self._record_look(request, shown, window, new)
        ids = rows.prefetch_related(None).values_list("pk", flat=True)
        context = {"day": frame, "entries": entries, "ids": " ".join(map(str, ids))}
        return TemplateResponse(request, "admin/booking/day/changes.html", context)

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """The answer to the box: as a fragment for the script, else the page with it on top."""
        shown = self._shown(request)
        if request.method != "POST":  # the page loaded anew, in another language for one
            return HttpResponseRedirect(reverse("admin:booking_reservation_day"))
        if shown is None:
            raise PermissionDenied
        found = self._find(request, shown)
        found.entries = self._as_entries(request, found.rows, shown.now)
        if _may_book(request):
            for entry in found.entries:
                entry.links += change_links(entry.row)
        self._record_search(request, shown, found, people_shown(found.entries))
        if request.headers.get(FRAGMENT):
            day = _row_frame(request, shown.clinic, shown.address(shown.hour))
            context = {"found": found, "day": day}
            return TemplateResponse(request, "admin/booking/day/found.html", context)
        text = request.POST.get("q", "")[:100]
        return self._day_page(request, shown, text=text, found=found)

    def _find(self, request: HttpRequest, shown: Shown) -> Found:
        term = read_term(request.POST.get("q", "")[:100], today=shown.today)
        looks_up_all = term.number or term.phone or (term.name and term.born)
        if looks_up_all and guesses_too_often(staff_of(request)):
            return Found(text=str(TOO_MANY_GUESSES), is_problem=True)
        where = Day(
            clinic=shown.clinic,
            on=shown.on,
            today=shown.today,
            visible=self._rows_of_signs(request),
            may_book=_may_book(request),
        )
        return find(where, term)

    def _record_search(
        self, request: HttpRequest, shown: Shown, found: Found, listed: set[int]
    ) -> None:
        people = people_of(found, listed)
        data: dict[str, Any] = {"clinic": shown.clinic.code, "day": str(shown.on)}
        # `found` is what the limit on guesses counts; a search among the people of the page,
        # who are all listed there, guesses at nobody.
        data["found" if people or found.is_guess else "on_the_day"] = len(people)
        record_access(request, act=Act.SEARCH, what="day_find", data=data, people=people)

    def mark_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Set or take back a mark: answers the one row to the script, else goes back to it."""
        if not self.has_mark_permission(request):
            raise PermissionDenied
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        act = request.POST.get("act", "")
        by = actor_of(staff_of(request))
        refusal = press(row, act, by=by, status_shown=request.POST.get("seen", ""))
        row = self._rows_of_signs(request).get(pk=row.pk)
        # The page that asks for what the mark still needs.
        goes_to = refusal.address if isinstance(refusal, DetailsNeeded) else ""
        if request.headers.get(FRAGMENT) and not goes_to:
            return self._marked_fragment(request, row, act, refusal)
        if refusal:
            messages.error(request, f"{row.person.name} ({row.number}): {refusal}")
        else:
            status = row.get_status_display()
            messages.success(request, f"{row.person.name} ({row.number}): {status}")
        if request.headers.get(FRAGMENT):  # not a redirect, which the script could not tell
            return HttpResponse(status=204, headers={LOCATION: goes_to})
        return HttpResponseRedirect(goes_to or _way_back(request, row))

    def _marked_fragment(
        self, request: HttpRequest, row: Reservation, act: str, refusal: Refused | None
    ) -> HttpResponse:
        [entry] = self._as_entries(request, [row], known_now())
        context = {
            "entry": entry,
            "refusal": str(refusal) if refusal else "",
            "undoes": not refusal and act != TAKE_BACK,
            "day": _row_frame(request, row.slot.clinic, _way_back(request, row, anchor=False)),
        }
        status = 409 if refusal else 200
        return TemplateResponse(request, "admin/booking/day/marked.html", context, status=status)

    def list_view(self, request: HttpRequest) -> HttpResponse:
        """The day on paper, with the least data: for the time without network or power."""
        shown = self._shown(request)
        if shown is None:
            return self._choose_clinic(request)
        rows = rows_of_day(self.get_queryset(request), shown.clinic, shown.on)
        people = rows.filter(status__in=ON_THE_DAY).order_by("slot__starts_at", "number")
        paper = list(paper_rows(people))
        if paper:
            data = {"clinic": shown.clinic.code, "day": shown.on.isoformat()}
            on_paper = [row.person_id for row in paper]
            record_access(request, act=Act.PRINT, what="day_sheet", data=data, people=on_paper)
        return self.page(
            request,
            "admin/booking/day/list.html",
            _("Day sheet"),
            crumbs=[(_("The day"), shown.address())],
            clinic=shown.clinic,
            on=shown.on,
            printed_at=shown.now,
            rows=paper,
        )

    def _choose_clinic(self, request: HttpRequest) -> HttpResponse:
        return self.page(request, "admin/booking/day/choose.html", _("The day"))

    def _shown(self, request: HttpRequest) -> Shown | None:
        """What the address asks for; None without a clinic. Raises PermissionDenied, Http404."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        clinic = self._clinic_of_the_day(request)
        if clinic is None:
            return None
        now, hour = known_now(), id_in(request.GET.get("hour", ""))
        return Shown(
            clinic=clinic,
            on=day_asked_for(request),
            hour=hour if hour is not None and hour < 24 else None,
            now=now,
        )

    def _clinic_of_the_day(self, request: HttpRequest) -> Clinic | None:
        """The clinic asked for if this user may see it, else the user's own clinic."""
        visible: QuerySet[Clinic] = self.admin_site._registry[Clinic].get_queryset(request)
        code = request.GET.get("clinic", "")
        if code:
            return get_object_or_404(visible, code=code)
        user = staff_of(request)
        if user.role in AT_A_CLINIC or user.clinic is None:
            return user.clinic
        return visible.filter(pk=user.clinic.pk).first()


def _row_frame(request: HttpRequest, clinic: Clinic, here: str) -> dict[str, Any]:
    """What a row with buttons needs: `here` is the page to go back to without script."""
    return {"clinic": clinic, "here": here, "token": get_token(request)}


def _may_book(request: HttpRequest) -> bool:
    return request.user.has_perm("booking.book_reservation")


def _beneath(name: str, shown: Shown) -> str:
    """The address of a fragment or list of the day that the page shows."""
    query = shown.address(shown.hour).partition("?")[2]
    return f"{reverse(f'admin:booking_reservation_{name}')}?{query}"


def _beside(shown: Shown, counts: list[SlotCounts], window: Window) -> dict[str, str]:
    """The addresses of the nearest hours with slots before and after the window, "" for none."""
    before = [slot for slot in counts if slot.starts_at < window.start][-1:]
    after = [slot for slot in counts if slot.starts_at >= window.end][:1]

    def address(slots: list[SlotCounts]) -> str:
        return shown.address(timezone.localtime(slots[0].starts_at).hour) if slots else ""

    return {"earlier": address(before), "later": address(after)}


def _hours_text(window: Window) -> str:
    start, end = map(timezone.localtime, window)
    return f"{start:%H:%M}–{end:%H:%M}"


def _instant(milliseconds: str) -> datetime | None:
    """Milliseconds since 1970 from an address; None if they are none of this century."""
    number = id_in(milliseconds)
    if number is None or number >= 4_102_444_800_000:
        return None
    return datetime.fromtimestamp(number / 1000, tz=UTC)


def _way_back(request: HttpRequest, row: Reservation, *, anchor: bool = True) -> str:
    """The page that posted a mark, at the row; the reservation's own page if it names none."""
    back = request.POST.get("next", "")
    # `next` is posted: only addresses of this host are followed.
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        return reverse("admin:booking_reservation_change", args=[row.pk])
    return f"{back}#{anchor_of(row)}" if anchor else back
