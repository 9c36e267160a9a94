"""A family that books side by side, for tests."""

from datetime import timedelta

from django.urls import reverse

from booking.models import Reservation, Slot
from booking.services.together import Party, confirm_together, hold_together
from eligibility.models import Proxy
from tests.eligibility.signing_in import FamilyClient, sign_in
from tests.factories import AdmissionFactory, SlotFactory, VaccineFactory
from waiting_room.models import Admission


class Family:
    """A son and his mother, and more for whom he may act, all inside; and his browser."""

    def __init__(self, own=None, *others) -> None:
        self.admissions = [own or AdmissionFactory(), *(others or [AdmissionFactory()])]
        people = [admission.ticket.person for admission in self.admissions]
        self.son, self.mother = people[:2]
        proxies = [Proxy.objects.create(person=person, by=self.son) for person in people[1:]]
        self.proxy = proxies[0]
        self.party = Party(self.son, tuple(proxies))
        self.browser = FamilyClient(headers={"accept-language": "en"})
        sign_in(self.browser, self.son)

    def hold(self, slot: Slot, **values) -> list[Reservation]:
        admissions = {each.ticket.person_id: each.pk for each in self.admissions}
        return hold_together(party=self.party, admissions=admissions, slot_id=slot.pk, **values)

    def confirm(self, held: list[Reservation]) -> list[Reservation]:
        return confirm_together(party=self.party, keys={row.person_id: row.key for row in held})

    def statuses(self) -> list[str]:
        """Of the last reservation of each, the son's first."""
        rows = Reservation.objects.order_by("pk")
        last = {row.person_id: row.status for row in rows}
        return [last.get(pk, "") for pk in self.party.ids]


def address(name: str, family: Family) -> str:
    return reverse(name, args=[family.party.name])


def taken() -> list[int]:
    return list(Slot.objects.order_by("pk").values_list("booked", flat=True))


def beside(slot: Slot, minutes: int, **values) -> Slot:
    starts_at = slot.starts_at + timedelta(minutes=minutes)
    values = {"clinic": slot.clinic, "vaccine": slot.vaccine, **values}
    return SlotFactory(starts_at=starts_at, **values)


def with_two_doses(*, later_seats: int) -> tuple[Slot, Slot]:
    """A first dose, and 28 days after it one time with these seats for the second."""
    vaccine = VaccineFactory(double=True)
    slot = SlotFactory(vaccine=vaccine)
    return slot, beside(slot, 28 * 24 * 60, capacity=later_seats)


def leave(admission: Admission) -> None:
    Admission.objects.filter(pk=admission.pk).update(ended_at="2026-01-01T00:00Z", ending="left")
