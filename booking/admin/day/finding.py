"""Finds the people that a scan or search means, and says in one sentence what is to be done."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from booking.admin.day.hours import ON_THE_DAY
from booking.admin.day.marks import MARKED
from booking.admin.day.rows import Entry, rows_of_day
from booking.admin.day.terms import Term
from booking.admin.sheets import sheet_address
from booking.enums import ReservationStatus
from booking.hooks import Link
from booking.models import Clinic, Reservation
from booking.rules import day_of
from eligibility.indexes import name_birth_indexes, phone_indexes
from eligibility.spelling import name_key, names_agree
from staff.names import actor_name

# More people than this are not listed: the search asks for more.
MOST_LISTED = 20
_NEVER_CONFIRMED = [
    ReservationStatus.HELD,
    ReservationStatus.LAPSED,
    ReservationStatus.RELEASED,
]


@dataclass
class Found:
    """The answer to a scan or search: people to list with buttons, or why there are none.

    `is_problem` marks what stops the person at the desk. `is_guess` is a look-up among all
    reservations that found none.
    """

    rows: list[Reservation] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)  # the rows with their buttons
    text: str = ""
    is_problem: bool = False
    is_guess: bool = False
    links: list[Link] = field(default_factory=list)
    # People whose data the answer is about, without being listed.
    people: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Day:
    """Where to look: the clinic's day on the page, and the reservations this user may see."""

    clinic: Clinic
    on: date
    today: date
    visible: QuerySet[Reservation]
    may_book: bool

    def rows(self) -> QuerySet[Reservation]:
        return rows_of_day(self.visible, self.clinic, self.on)


def find(day: Day, term: Term) -> Found:
    if term.misread:
        return Found(
            text=_("This number was not read right. Scan it again, or type it as it is printed."),
            is_problem=True,
        )
    if term.is_empty:
        return Found(
            text=_("Scan the code, or type a name, a date of birth, four digits or a number."),
            is_problem=True,
        )
    if term.number:
        found = _by_number(day, term.number)
        if not (found.is_guess and term.name):
            return found
    return _by_person(day, term)


def _by_number(day: Day, number: str) -> Found:
    row = day.visible.filter(number=number).first()
    if row is not None and row.slot.clinic_id == day.clinic.pk:
        return _one(day, row)
    other = Reservation.objects.filter(number=number).first()
    if other is None:
        text = _(
            "No reservation has this number. Scan it again, or search by name and date of birth."
        )
        return Found(text=text, is_problem=True, is_guess=True)
    text = _("This reservation is for another clinic. Show the person the address on the receipt.")
    return Found(text=text, is_problem=True, people={other.person_id})


def _by_person(day: Day, term: Term) -> Found:
    rows = _on_the_day(day, term)
    if len(rows) > MOST_LISTED:
        text = _("More than %(count)s people fit. Add the date of birth or four digits.")
        return Found(text=text % {"count": MOST_LISTED}, is_problem=True)
    present = [row for row in rows if row.status in ON_THE_DAY]
    if len(present) == 1:
        return _one(day, present[0])
    if present:
        text = _("%(count)s people fit. Compare the dates of birth.")
        return Found(rows=present, text=text % {"count": len(present)})
    # A cancelled one of the day, or an appointment of the person on another day.
    elsewhere = rows[:1] or _on_other_days(day, term)
    if elsewhere:
        return _one(day, elsewhere[0])
    text = _("Nobody with this is booked on this day. Check the spelling, or choose another day.")
    is_guess = bool(term.phone or (term.name and term.born))
    return Found(text=text, is_problem=True, is_guess=is_guess, links=_desk(day))


def _on_the_day(day: Day, term: Term) -> list[Reservation]:
    """The day's reservations that fit, held ones left out; the cancelled ones last."""
    rows = day.rows().exclude(status__in=_NEVER_CONFIRMED)
    indexed = _indexed(rows, term)
    if indexed is None:
        ids = _matching(rows, term)
        indexed = rows.filter(pk__in=ids[: MOST_LISTED + 1])
    found = list(indexed.order_by("slot__starts_at", "number")[: MOST_LISTED + 1])
    return sorted(found, key=lambda row: row.status not in ON_THE_DAY)


def _on_other_days(day: Day, term: Term) -> list[Reservation]:
    """The person's next appointment at this clinic, else the last one."""
    indexed = _indexed(day.visible.filter(slot__clinic=day.clinic), term)
    if indexed is None:
        return []
    rows = list(indexed.exclude(status__in=_NEVER_CONFIRMED).order_by("slot__starts_at")[:50])
    later = [row for row in rows if day_of(row.slot.starts_at) > day.on]
    return later[:1] or rows[-1:]


def _indexed(rows: QuerySet[Reservation], term: Term) -> QuerySet[Reservation] | None:
    """Found by a blind index; None if the term needs the names or phones themselves."""
    if term.phone:
        return rows.filter(person__phone_index__in=phone_indexes(term.phone))
    if term.name and term.born and not term.ending:
        # A name in another order of its parts is only found by reading the names.
        indexes = [index for born in term.born for index in name_birth_indexes(term.name, born)]
        found = rows.filter(person__name_birth_index__in=indexes)
        return found if found.exists() else None
    return None


def _matching(rows: QuerySet[Reservation], term: Term) -> list[int]:
    """Ids of rows whose decrypted columns fit; decrypts only the columns that the term names."""
    tests: list[tuple[str, Callable[..., bool]]] = []
    if term.ending:
        tests.append(("person__phone", lambda phone: str(phone).endswith(term.ending)))
    if term.name:
        tests.append(("person__name", lambda name: _fits(str(name), term.name)))
    if term.born:
        tests.append(("person__birth_date", lambda born: born in term.born))
    values = rows.order_by("slot__starts_at").values_list("pk", *(name for name, _test in tests))
    return [
        pk
        for pk, *columns in values
        if all(test(value) for value, (_name, test) in zip(columns, tests, strict=True))
    ]


def _fits(name: str, typed: str) -> bool:
    """Whether the typed name is this one or a part of it."""
    return name_key(typed) in name_key(name) or names_agree(name, typed)


def _one(day: Day, row: Reservation) -> Found:
    """One reservation: listed if it is of this day, else the sentence that tells it apart."""
    people = {row.person_id}
    if row.status in _NEVER_CONFIRMED:
        text = _("This booking was never confirmed. Book a time for the person.")
        return Found(text=text, is_problem=True, people=people, links=_desk(day))
    if row.status == ReservationStatus.CANCELLED:
        return _cancelled(day, row)
    if day_of(row.slot.starts_at) != day.on:
        return _other_day(day, row)
    return Found(rows=[row], text=_again(row), is_problem=row.status != ReservationStatus.CONFIRMED)


def _again(row: Reservation) -> str:
    """What a second scan of a person says; "" at the first."""
    if row.status not in MARKED:
        return ""
    values = {
        "time": f"{timezone.localtime(row.changed_at):%H:%M}",
        "who": actor_name(row.by),
        "status": row.get_status_display(),
    }
    if row.status == ReservationStatus.ARRIVED:
        text = _("Scanned again: arrived at %(time)s, marked by %(who)s. Go on with the visit.")
    elif row.status == ReservationStatus.NO_SHOW:
        text = _(
            "Marked as not come at %(time)s by %(who)s. If the person is here, take that back, "
            "then mark the arrival."
        )
    else:
        text = _(
            "This visit is over: %(status)s at %(time)s, marked by %(who)s. If that is wrong, "
            "take it back."
        )
    return text % values


def _cancelled(day: Day, row: Reservation) -> Found:
    text = _(
        "The appointment on %(day)s was cancelled on %(at)s by %(who)s. Open it to take that back, "
        "or book a new time."
    )
    values = {
        "day": _moment(row.slot.starts_at),
        "at": _moment(row.changed_at),
        "who": actor_name(row.by),
    }
    links = [_page(row, _("Open the reservation")), *_desk(day)]
    return Found(text=text % values, is_problem=True, people={row.person_id}, links=links)


def _other_day(day: Day, row: Reservation) -> Found:
    on = day_of(row.slot.starts_at)
    there = Link(_("That day"), sheet_address(day.clinic, on))
    if on == day.today:
        text, links = _("This appointment is today (%(day)s); the page shows another day."), []
    elif on < day.today:
        text = _("This appointment was on %(day)s (%(status)s). Book a new time for the person.")
        links = _desk(day)
    else:
        text = _(
            "This appointment is on %(day)s. Move it to today, or ask the person to come then."
        )
        move = reverse("admin:booking_reservation_move", args=[row.pk])
        may_move = day.may_book and row.slot.home_id is None
        links = [Link(_("Move to another time"), move)] if may_move else []
    values = {"day": _moment(row.slot.starts_at), "status": row.get_status_display()}
    return Found(text=text % values, is_problem=True, people={row.person_id}, links=[*links, there])


def _moment(at: datetime) -> str:
    return f"{timezone.localtime(at):%m-%d %H:%M}"


def _page(row: Reservation, label: str) -> Link:
    return Link(label, reverse("admin:booking_reservation_change", args=[row.pk]))


def _desk(day: Day) -> list[Link]:
    if not day.may_book:
        return []
    return [Link(_("Book for somebody"), reverse("admin:booking_reservation_desk"))]


def people_of(found: Found, listed: Iterable[int]) -> Sequence[int]:
    return sorted({*found.people, *listed})
