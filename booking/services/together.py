"""A family side by side at one clinic: held, extended, given up and confirmed together or not at
all.

One person books for those for whom they may act (eligibility.Proxy), mostly for themselves too.
Each keeps a reservation and a key of their own; what was held together shares its `party` and its
end. Where the vaccine needs two doses, both are held side by side if there is room.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import translation

from booking.enums import Origin, ReservationStatus
from booking.exceptions import (
    HeldWithOthers,
    NoLongerFor,
    NoPlaceBeside,
    NotCalled,
    NothingHeld,
    PersonGone,
    Refused,
    SlotFull,
)
from booking.models import Reservation, Slot
from booking.models.clinics import HAS_SEAT
from booking.rules import BESIDE, Course, seat_all
from booking.services.confirmations import confirm_hold
from booking.services.courses import best_seconds, course_of, may_hold
from booking.services.holds import (
    Expiry,
    expiry_for,
    extend_hold,
    insert_holds,
    lapsed_meanwhile,
    plan_in,
    release_of,
)
from booking.services.offers import offer_freed
from booking.services.reading import vaccines_of
from booking.services.seats import (
    RowsChanged,
    check_seat,
    lapse_holds,
    lock_people,
    lock_slots,
    release,
    retried_transaction,
    take_seat,
)
from database.clock import Now, database_now
from eligibility.models import Person, Proxy
from staff.actors import CITIZEN

# Slots around the one pressed that are locked: the nearest in time.
MOST_NEAR = 8
ONESELF = "me"

Plan = dict[int, Slot]  # by dose


@dataclass(frozen=True)
class Party:
    """Who books, by which proxies for whom, and whether for oneself too."""

    by: Person
    proxies: tuple[Proxy, ...]
    with_oneself: bool = True

    @property
    def people(self) -> list[Person]:
        """In the order in which they are shown; the first gets the slot that was pressed."""
        own = [self.by] if self.with_oneself else []
        return own + [proxy.person for proxy in self.proxies]

    @property
    def ids(self) -> list[int]:
        return [person.pk for person in self.people]

    @property
    def name(self) -> str:
        """How an address names it: by oneself and the proxies."""
        own = [ONESELF] if self.with_oneself else []
        return "-".join([*own, *(str(proxy.pk) for proxy in self.proxies)])


def lock_party(party: Party) -> datetime:
    """Lock the people by id, then their proxies, which nobody can end until commit.

    In the order in which purging locks them; returns the time. Raises PersonGone or NoLongerFor.
    """
    now = database_now()
    people = {party.by.pk, *party.ids}
    if len(lock_people(people)) < len(people):
        raise PersonGone
    live = Proxy.objects.select_for_update(no_key=True).filter(
        pk__in=[proxy.pk for proxy in party.proxies], by=party.by, ended_at=None
    )
    if len(live.order_by("pk")) < len(party.proxies):
        raise NoLongerFor
    return now


@retried_transaction
def hold_together(
    *,
    party: Party,
    admissions: dict[int, int],
    slot_id: int,
    second_id: int | None = None,
) -> list[Reservation]:
    """Hold this slot for the first of the party, and for each other person one at the same clinic
    at the same time or within BESIDE: all, or none. Returns the holds, person by person.

    Of a vaccine of two doses the second ones are held likewise: at and around `second_id`, else
    around the best slot for it, if that has room for all. `admissions` is by person. Earlier holds
    of all are exchanged and pass their end on, the earliest of them. Holding the same again
    returns the same. Raises NoPlaceBeside, NoLongerFor, and what `hold_slot` does.
    """
    now = lock_party(party)
    people = party.ids
    if admissions.keys() != set(people):
        raise NotCalled
    near = _near(slot_id)
    later = _near(second_id) if second_id else _best_later(slot_id, len(people))
    held_before = Reservation.objects.filter(person__in=people, status=ReservationStatus.HELD)
    slots = lock_slots([*near, *later, *held_before.values_list("slot_id", flat=True)])
    rows = list(Reservation.objects.live().filter(person__in=people).order_by("pk").locked())
    held = [row for row in rows if row.status == ReservationStatus.HELD]
    fixed = [row for row in rows if row not in held]
    if any(row.slot_id not in slots for row in held):
        raise RowsChanged
    if slot_id not in slots:
        raise SlotFull(slot_id=slot_id)
    if same := _the_same(together_in(held, people, now), slot_id, second_id):
        return same
    for pk in {*near, *later} & slots.keys():
        if lapse_holds({pk: slots[pk]}, now=now):
            offer_freed(slots[pk], now=now)
    held = [row for row in held if not lapsed_meanwhile(row)]
    expiry = _expiry_of_all(admissions, held, now)
    for row in held:
        release(row, slots, status=ReservationStatus.RELEASED, by=CITIZEN, now=now)
    seating = _Seating(people, admissions, fixed, now)
    plans = seating.first(_around(slots, slot_id))
    later_slots = _around(slots, later[0]) if later else []
    plans = seating.second(plans, later_slots, asked=second_id is not None)
    shared = uuid.uuid4()
    for person_id, plan in zip(people, plans, strict=True):
        for slot in plan.values():
            take_seat(slot, now=now)
        insert_holds(plan, person_id, admissions[person_id], expiry, now, party=shared)
    for freed_id in sorted({row.slot_id for row in held}):
        offer_freed(slots[freed_id], now=now)
    return together_in(held_before.order_by("pk"), people, now)


def _near(slot_id: int) -> list[int]:
    """The slot and the free ones of its clinic around it, the nearest in time first."""
    slot = Slot.objects.filter(pk=slot_id, home=None).first()
    if slot is None:
        return []
    around = (slot.starts_at - BESIDE, slot.starts_at + BESIDE)
    others = Slot.objects.filter(
        HAS_SEAT, clinic=slot.clinic_id, home=None, starts_at__range=around
    ).exclude(pk=slot_id)
    by_distance = sorted(others, key=lambda each: (abs(each.starts_at - slot.starts_at), each.pk))
    return [slot_id, *(each.pk for each in by_distance[: MOST_NEAR - 1])]


def _around(slots: dict[int, Slot], slot_id: int) -> list[Slot]:
    """Those of the locked slots that lie beside this one, itself first, then the nearest in time.

    Also slots that nobody but the party fills, whose holds were released.
    """
    middle = slots.get(slot_id)
    if middle is None:
        return []
    near = [
        (abs(slot.starts_at - middle.starts_at), slot.pk != slot_id, slot.pk)
        for slot in slots.values()
        if slot.clinic_id == middle.clinic_id and slot.home_id is None
    ]
    return [slots[pk] for distance, _other, pk in sorted(near) if distance <= BESIDE]


def _best_later(slot_id: int, people: int) -> list[int]:
    """The slots around the best one for a second dose that has room for all; [] without one."""
    for second_id in best_seconds(None, slot_id):
        near = _near(second_id)
        if sum(slot.left for slot in Slot.objects.filter(pk__in=near)) >= people:
            return near
    return []


def _the_same(held: list[Reservation], slot_id: int, second_id: int | None) -> list[Reservation]:
    """The holds, where those of the first person are of these slots already."""
    of_first = [row.slot_id for row in held if row.person_id == held[0].person_id]
    wanted = [slot_id, second_id] if second_id else [slot_id]
    return held if of_first[: len(wanted)] == wanted else []


class _Seating:
    """Who of the party sits where, at locked slots."""

    def __init__(
        self,
        people: list[int],
        admissions: dict[int, int],
        fixed: list[Reservation],
        now: datetime,
    ) -> None:
        self._now = now
        self._courses: list[Course] = []
        self._vaccines: list[frozenset[int] | None] = []
        for pk in people:
            own = [row for row in fixed if row.person_id == pk]
            if not own and not may_hold(pk, admissions[pk], now=now):
                raise NotCalled
            self._courses.append(course_of(pk, own))
            self._vaccines.append(vaccines_of(admissions[pk]))

    def first(self, near: list[Slot]) -> list[Plan]:
        """The next dose of each; the first person's at the first of these slots."""
        check_seat(near[0], now=self._now)
        everybody = range(len(self._courses))
        options = [self._options(at, [], near if at else near[:1]) for at in everybody]
        return _seated(options, near)

    def second(self, plans: list[Plan], later: list[Slot], *, asked: bool) -> list[Plan]:
        """The plans, with a second dose for all who need one, where these slots have room.

        Without room the first doses stay alone, or with `asked` it is refused.
        """
        needing = [at for at, plan in enumerate(plans) if 1 in plan and plan[1].vaccine.doses > 1]
        if not needing or not (later or asked):
            return plans
        try:
            if not later:
                raise NoPlaceBeside
            options = [
                self._options(
                    at, [plans[at][1]], later[:1] if asked and at == needing[0] else later
                )
                for at in needing
            ]
            both = dict(zip(needing, _seated(options, later), strict=True))
        except Refused:
            if asked:
                raise
            return plans
        return [both.get(at, plan) for at, plan in enumerate(plans)]

    def _options(self, at: int, before: list[Slot], slots: list[Slot]) -> dict[int, Plan]:
        """What this person may have, by slot; raises why nothing suits."""
        found: dict[int, Plan] = {}
        refusal: Refused | None = None
        for slot in slots:
            try:
                check_seat(slot, now=self._now)
                wanted = [*before, slot]
                found[slot.pk] = plan_in(self._courses[at], wanted, self._vaccines[at])
            except Refused as reason:
                refusal = refusal or reason
        if not found:
            raise refusal or NoPlaceBeside
        return found


def _seated(options: list[dict[int, Plan]], slots: list[Slot]) -> list[Plan]:
    chosen = seat_all([list(found) for found in options], {slot.pk: slot.left for slot in slots})
    if chosen is None:
        raise NoPlaceBeside
    return [found[slot_id] for found, slot_id in zip(options, chosen, strict=True)]


def _expiry_of_all(admissions: dict[int, int], held: list[Reservation], now: datetime) -> Expiry:
    ends = [
        expiry_for(
            person_id, admission_id, [row for row in held if row.person_id == person_id], now
        )
        for person_id, admission_id in admissions.items()
    ]
    return Expiry(min(end.until for end in ends), max(end.extensions for end in ends))


def together_in(rows: Iterable[Reservation], people: list[int], now: datetime) -> list[Reservation]:
    """The holds of all these people that were made together and have not run out, person by
    person; [] where one is missing."""
    held = [row for row in rows if row.is_holding(now) and row.origin != Origin.OFFER]
    if {row.person_id for row in held} != set(people) or len({row.party for row in held}) > 1:
        return []
    if held[0].party is None:
        return []
    return sorted(held, key=lambda row: (people.index(row.person_id), row.dose))


def _of_party(party: Party, status: ReservationStatus) -> QuerySet[Reservation]:
    rows = Reservation.objects.filter(person__in=party.ids, status=status)
    return rows.with_slot().select_related("person")


def held_together(party: Party) -> list[Reservation]:
    """The holds of all, with their slots; [] where one is missing or held with others besides."""
    held = together_in(_of_party(party, ReservationStatus.HELD), party.ids, database_now())
    return [] if held and others_hold(held[0].party, party.ids) else held


def others_hold(party: uuid.UUID | None, people: list[int]) -> bool:
    """Whether anybody but these people still holds a place of the party."""
    others = Reservation.objects.filter(party=party, status=ReservationStatus.HELD)
    return others.filter(held_until__gt=Now()).exclude(person__in=people).exists()


def party_of(hold: Reservation) -> Party | None:
    """The party of a hold, if its person booked for the others; who is not in it may have."""
    rows = Reservation.objects.filter(party=hold.party, status=ReservationStatus.HELD)
    people = set(rows.values_list("person_id", flat=True))
    proxies = Proxy.objects.filter(by=hold.person_id, person__in=people, ended_at=None)
    found = tuple(proxies.select_related("person", "by").order_by("pk"))
    return Party(found[0].by, found) if len(found) == len(people) - 1 and found else None


def booked_together(party: Party) -> list[Reservation]:
    """The appointments of all that were held together last, person by person."""
    rows = list(_of_party(party, ReservationStatus.CONFIRMED).exclude(party=None))
    newest = max(rows, key=lambda row: row.created_at, default=None)
    if newest is None:
        return []
    people = party.ids
    same = [row for row in rows if row.party == newest.party]
    if {row.person_id for row in same} != set(people):
        return []
    return sorted(same, key=lambda row: (people.index(row.person_id), row.dose))


@transaction.atomic
def confirm_together(*, party: Party, keys: dict[int, uuid.UUID]) -> list[Reservation]:
    """Confirm the holds of all, a key by person, or of nobody; each gets a message of their own, in
    their own language.

    Repeating it returns the same. Raises what `confirm_hold` does, NoLongerFor, and HeldWithOthers
    where a person with whom it was held was left out.
    """
    lock_party(party)
    if keys.keys() != set(party.ids):
        raise NothingHeld
    shared = _shared(keys)
    if shared and others_hold(shared, party.ids):
        raise HeldWithOthers
    others = Person.objects.filter(pk__in=keys).exclude(pk=party.by.pk)
    languages = dict(others.values_list("pk", "language"))
    own = translation.get_language()
    confirmed: list[Reservation] = []
    # By id, as the people are locked: two families that cross do not wait for each other.
    for person_id in sorted(keys):
        with translation.override(languages.get(person_id) or own):
            confirmed += confirm_hold(person_id=person_id, key=keys[person_id], party=shared)
    return sorted(confirmed, key=lambda row: (party.ids.index(row.person_id), row.dose))


def _shared(keys: dict[int, uuid.UUID]) -> uuid.UUID | None:
    """The party of these holds; None where they have not all the same, or none."""
    rows = Reservation.objects.filter(key__in=keys.values(), person__in=keys)
    parties = set(rows.values_list("party", flat=True))
    return parties.pop() if len(parties) == 1 else None


@transaction.atomic
def extend_together(*, party: Party, keys: dict[int, uuid.UUID], extension: int | None) -> None:
    """Ten more minutes for all, as far as all have them; raises what `extend_hold` does."""
    lock_party(party)
    if keys.keys() != set(party.ids):
        raise NothingHeld
    ends = [
        extend_hold(person_id=person_id, key=keys[person_id], extension=extension)
        for person_id in sorted(keys)
    ]
    Reservation.objects.filter(
        key__in=keys.values(), person__in=keys, status=ReservationStatus.HELD
    ).update(held_until=min(ends))


@transaction.atomic
def release_together(*, party: Party) -> int:
    """Give up the holds of all; returns the number of seats freed."""
    now = lock_party(party)
    return release_of(party.ids, now=now)
