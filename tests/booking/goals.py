"""What crowds are after in the storms, and whether they got it whole."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from booking.models import Reservation, Slot
from booking.verifying import verify
from messaging.models import Message
from tests.crowd import open_slots
from tests.factories import SlotFactory, VaccineFactory
from tests.holding import hold_best_slots, hold_slot


@dataclass
class Goal:
    """So many bookings are to be had at these slots, and no more."""

    total: int
    wanted: list[Slot]  # chosen by the people, in turn
    slots: list[Slot]  # those, and what comes along with them
    others: list[Slot]  # open, for whoever loses
    hold: Callable = hold_slot

    @property
    def doses(self) -> int:
        return self.slots[0].vaccine.doses

    @property
    def confirmed(self):
        return Reservation.objects.filter(status="confirmed", slot__in=self.slots)

    def chosen(self, people: list) -> list[tuple]:
        """Each with a time, the same whenever it is asked."""
        return [(one, self.wanted[turn % len(self.wanted)]) for turn, one in enumerate(people)]

    def calls(self, people: list, act: Callable) -> list[Callable]:
        return [partial(act, *choice, self.hold) for choice in self.chosen(people)]


def one_slot(total: int = 100) -> Goal:
    slot, *others = open_slots(12, capacity=total)
    return Goal(total, [slot], [slot], others)


def ten_slots(total: int = 100) -> Goal:
    slots = open_slots(20, capacity=total // 10)
    return Goal(total, slots[:10], slots[:10], slots[10:])


def pair_of_doses(total: int = 100) -> Goal:
    vaccine = VaccineFactory(double=True)
    first, *others = open_slots(12, capacity=total, vaccine=vaccine)
    second = SlotFactory(
        clinic=first.clinic,
        vaccine=vaccine,
        capacity=total,
        starts_at=first.starts_at + timedelta(days=28),
    )
    return Goal(total, [first], [first, second], others, hold_best_slots)


GOALS = [one_slot, ten_slots, pair_of_doses]


def broken() -> list[str]:
    return [result.invariant.name for result in verify() if result.broken]


def halves(goal: Goal) -> list[int]:
    """Who has a part of the doses, or the one held and the other confirmed."""
    has: dict[int, list[tuple]] = defaultdict(list)
    live = Reservation.objects.live().order_by("dose")
    for person, dose, status in live.values_list("person", "dose", "status"):
        has[person].append((dose, status))
    return [
        person
        for person, doses in has.items()
        if [dose for dose, _status in doses] != list(range(1, goal.doses + 1))
        or len({status for _dose, status in doses}) != 1
    ]


def assert_all_is_booked_and_whole(goal: Goal) -> None:
    ids = [slot.pk for slot in goal.slots]
    counted = Slot.objects.filter(pk__in=ids).values_list("booked", "capacity")
    assert [booked for booked, _capacity in counted] == [capacity for _booked, capacity in counted]
    assert goal.confirmed.count() == Reservation.objects.live().count() == goal.total * goal.doses
    assert Message.objects.filter(kind="confirmed").count() == goal.total
    assert halves(goal) == []
    assert broken() == []
