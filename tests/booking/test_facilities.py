"""What a clinic has and what people need: found by filter, seen by the appointment's clinic."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from booking.areas import district_key
from booking.imports.clinics import ClinicKind
from booking.models import Clinic, Wish
from booking.services import wishes
from booking.services.wishes import Wished
from bulk.exports import write_export
from eligibility.services.purging import purge
from staff.models import User
from tests.booking.test_path import page, slots_on
from tests.factories import AdmissionFactory, ClinicFactory, ReservationFactory, SlotFactory

pytestmark = pytest.mark.django_db

GANGNAM = district_key("서울특별시", "강남구")


def slot_with(*facilities: str, **values):
    return SlotFactory(clinic=ClinicFactory(facilities=list(facilities), **values))


def test_clinics_are_found_by_what_they_have(inside):
    with_both = slot_with("wheelchair", "lift")
    slot_with("lift")
    slot_with()

    found = inside.get(reverse("booking"), {"has": ["wheelchair", "lift"]})
    named = inside.get(reverse("booking"), {"has": "wheelchair", "near": "강남구"})
    clinic = inside.get(reverse("clinic", args=[with_both.clinic.code]))
    nobody = inside.get(reverse("booking"), {"has": "quiet_hours"})

    assert slots_on(found) == slots_on(named) == [with_both.pk]
    assert "Wheelchair access · Lift" in page(clinic)
    assert "Wheelchair access · Lift" in page(found)
    assert nobody.status_code == 422
    assert [code for code, _label in found.context["form"].fields["has"].choices] == [
        "wheelchair",
        "lift",
    ]


def test_a_need_is_wished_encrypted_and_shown_first(inside):
    slot_with()
    fitting = slot_with("wheelchair")

    inside.post(reverse("wishes"), {"places": [GANGNAM], "needs": ["wheelchair"]})

    assert slots_on(inside.get(reverse("booking"))) == [fitting.pk]
    assert inside.get(reverse("wishes")).context["form"]["needs"].value() == ["wheelchair"]
    assert "Wheelchair access" in page(inside.get(reverse("my_data")))
    with connection.cursor() as cursor:
        cursor.execute("SELECT needs FROM booking_wish")
        assert b"wheelchair" not in bytes(cursor.fetchone()[0])


def test_only_staff_of_the_clinic_of_the_appointment_see_a_need():
    reservation = ReservationFactory()
    other = ReservationFactory()
    wished = Wished((GANGNAM,), needs=frozenset(["lift", "wheelchair"]))
    wishes.keep_wishes(person_id=reservation.person_id, wished=wished)
    rows = [reservation, other]

    seen = {
        clinic: wishes.signs_of_needs(rows, User(clinic=clinic))
        for clinic in (reservation.slot.clinic, other.slot.clinic, None)
    }

    assert list(seen.values()) == [{reservation.pk: "휠체어 이용 가능, 승강기"}, {}, {}]


def test_wishes_that_served_are_deleted_and_those_of_an_appointment_to_come_stay():
    reservation = ReservationFactory()
    wished = Wished((GANGNAM,))
    for person in (reservation.person, AdmissionFactory().ticket.person):
        wishes.keep_wishes(person_id=person.pk, wished=wished)
    Wish.objects.update(changed_at=timezone.now() - wishes.KEPT_FOR - timedelta(days=1))

    assert purge()["wishes"] == 1
    assert [row.person_id for row in Wish.objects.all()] == [reservation.person_id]


def test_facilities_go_out_and_come_in_by_file(tmp_path):
    clinic = ClinicFactory(facilities=["wheelchair", "parking"])
    file, _keys = write_export(ClinicKind(by="test"))
    path = tmp_path / "clinics.csv"
    out = io.StringIO()

    path.write_bytes(file.getvalue())
    call_command("import_clinics", str(path), "--language=en", stdout=out)
    path.write_text(file.getvalue().decode().replace("wheelchair; parking", "lift;quiet_hours"))
    call_command("import_clinics", str(path), "--language=en", stdout=out)
    path.write_text(file.getvalue().decode().replace("wheelchair; parking", "sauna"))
    with pytest.raises(CommandError):
        call_command("import_clinics", str(path), "--language=en", stdout=out, stderr=out)

    assert "0 added, 0 changed, 1 unchanged" in out.getvalue()
    assert "“sauna” is none of" in out.getvalue()
    assert Clinic.objects.get(pk=clinic.pk).facilities == ["lift", "quiet_hours"]


def test_the_table_refuses_a_facility_that_is_none():
    with pytest.raises(IntegrityError), transaction.atomic():
        ClinicFactory(facilities=["sauna"])
