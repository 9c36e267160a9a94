from collections import Counter
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from booking.models import Clinic, Reservation, Slot
from eligibility.models import Cohort, Person
from rehearsal.findings import slots_over_capacity
from staff.models import User
from waiting_room.models import Room, Ticket

COUNTED = (Clinic, Slot, Person, Reservation, Ticket)


@pytest.mark.django_db
def test_sample_fills_an_empty_database_and_a_second_time_changes_nothing(small_sample):
    call_command("load_sample", stdout=StringIO())
    counts = [model.objects.count() for model in COUNTED]

    call_command("load_sample", "--if-empty", stdout=StringIO())

    assert counts == [
        model.objects.count() for model in (Clinic, Slot, Person, Reservation, Ticket)
    ]
    assert (counts[0], counts[2], counts[4]) == (6, 140, 5)
    with pytest.raises(CommandError, match="has data already"):
        call_command("load_sample", stdout=StringIO())


@pytest.mark.django_db
def test_sample_obeys_the_rules_and_shows_the_states_of_a_day(small_sample):
    small_sample.load()

    states = Counter(Reservation.objects.values_list("status", flat=True))
    assert {"confirmed", "cancelled"} <= states.keys()
    assert list(slots_over_capacity()) == []
    assert Room.objects.count() == Cohort.objects.count() == 4
    assert Room.objects.get(cohort__code="55-59").frozen_count == 0


@pytest.mark.django_db
def test_nobody_in_the_sample_has_a_number_that_is_in_use(small_sample):
    small_sample.load()

    assert all(person.phone.startswith("+8210000") for person in Person.objects.all())


@pytest.mark.django_db
def test_log_ins_name_a_citizen_of_each_cohort_and_staff_whose_password_works(small_sample):
    small_sample.load()
    out = StringIO()

    call_command("sample_logins", stdout=out)

    text = out.getvalue()
    assert [code for code in small_sample.SPANS if f"  {code}  " in text] == [*small_sample.SPANS]
    for name in ["clinic", "local", "authority", "operator"]:
        assert User.objects.get(username=name).check_password(small_sample.PASSWORD)
        assert f"  {name} " in text


@pytest.mark.django_db
@pytest.mark.parametrize("command", ["load_sample", "sample_logins", "rehearse"])
def test_a_real_portal_is_never_filled_with_samples(settings, command):
    settings.SAMPLE = False

    with pytest.raises(CommandError, match=r"JARI_SAMPLE|견본"):
        call_command(command)

    assert Person.objects.count() == 0
