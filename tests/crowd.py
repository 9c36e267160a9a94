"""Many admitted people and slots, written in bulk, for storms and benches."""

import secrets
from datetime import date, timedelta
from uuid import uuid4

from django.utils import timezone

from booking.models import Clinic, Slot, Vaccine
from eligibility.enums import Source
from eligibility.models import Person
from privacy.reindexing import NO_KEY
from waiting_room.models import Admission, Line, Room, Ticket
from waiting_room.services.resume_codes import code_keys
from web.codes import index_of_ticket


def registered(count: int) -> list[Person]:
    """`count` new people of 강남구."""
    # Names of one length and random indexes under no key: nobody here is looked up by identity.
    return Person.objects.bulk_create(
        Person(
            roster_key=secrets.token_hex(8),
            source=Source.ROSTER,
            name="김시험",
            birth_date=date(1964, 5, 12),
            phone="+821000000000",
            region="서울특별시",
            district="강남구",
            identity_index=bytes([NO_KEY]) + secrets.token_bytes(15),
            name_birth_index=bytes([NO_KEY]) + secrets.token_bytes(15),
            phone_index=bytes([NO_KEY]) + secrets.token_bytes(15),
        )
        for _ in range(count)
    )


def admit(room: Room, count: int) -> list[Admission]:
    """`count` new people, each with a ticket and a live admission of this room."""
    people = registered(count)
    now = timezone.now()
    first = Ticket.objects.filter(room=room).count() + 1
    key = code_keys()[0]
    tickets = Ticket.objects.bulk_create(
        Ticket(
            id=(ticket_id := uuid4()),
            room=room,
            person=person,
            entry=number,
            joined_at=now,
            resume_index=index_of_ticket(ticket_id.bytes, key),
        )
        for number, person in enumerate(people, first)
    )
    Line.objects.filter(pk=room.pk).update(max_active=first + count + 1000)
    return Admission.objects.bulk_create(
        Admission(
            ticket=ticket,
            room=room,
            place=ticket.entry,
            called_at=now,
            entered_at=now,
            expires_at=now + timedelta(hours=1),
        )
        for ticket in tickets
    )


def open_slots(
    count: int, *, capacity: int, vaccine: Vaccine | None = None, per_clinic: int = 25
) -> list[Slot]:
    """`count` slots of one vaccine at clinics of 강남구, from tomorrow on."""
    vaccine = vaccine or Vaccine.objects.create(code=f"v-{secrets.token_hex(4)}", name_ko="백신")
    clinics = Clinic.objects.bulk_create(
        Clinic(
            code=secrets.token_hex(5),
            name=f"의원 {number}",
            region="서울특별시",
            district="강남구",
            address="서울특별시 강남구",
        )
        for number in range(-(-count // per_clinic))
    )
    start = timezone.localtime().replace(hour=9, minute=0, second=0, microsecond=0)
    return Slot.objects.bulk_create(
        Slot(
            clinic=clinics[number // per_clinic],
            vaccine=vaccine,
            starts_at=start
            + timedelta(
                days=1 + number % per_clinic // 16, minutes=30 * (number % per_clinic % 16)
            ),
            capacity=capacity,
        )
        for number in range(count)
    )
