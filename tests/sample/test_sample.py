"""The sample campaign, made small so that it loads in a moment."""

import io
from collections import Counter
from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count, F, Q
from django.utils import timezone

from booking.enums import TAKING, ReservationStatus
from booking.models import Clinic, Reservation, Slot
from dataio.districts import REGIONS, find_district
from eligibility.models import Cohort, Person
from eligibility.services.decisions import decide
from rehearsal.sample import campaign, clinics
from staff.models import User
from tests.factories import PersonFactory
from waiting_room.models import Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(monkeypatch, settings):
    settings.SAMPLE = True
    spans = {
        code: campaign.Years(span.first, span.last, 100) for code, span in campaign.SPANS.items()
    }
    monkeypatch.setattr(campaign, "SPANS", spans)
    monkeypatch.setattr(campaign, "WAITING", 5)
    # The desk's two days and the next ones, without the weeks for second doses.
    monkeypatch.setattr(clinics, "_BOOKABLE", range(4))


def run(command, *options) -> str:
    out = io.StringIO()
    call_command(command, *options, stdout=out)
    return out.getvalue()


def test_the_sample_has_what_a_newcomer_needs(small):
    run("load_sample")

    now = timezone.now()
    cohorts = {cohort.code: cohort for cohort in Cohort.objects.all()}
    assert cohorts["55-59"].opens_at <= now < cohorts["55-59"].closes_at
    assert timedelta(minutes=8) < cohorts["53-54"].opens_at - now <= timedelta(minutes=10)
    opens = timezone.localtime(cohorts["50-52"].opens_at)
    assert (opens.date(), opens.hour) == (timezone.localdate() + timedelta(days=1), 20)
    assert cohorts["60-74"].closes_at < now
    assert cohorts["55-59"].birth_from == date(1962, 1, 1)
    assert cohorts["50-52"].birth_to == date(1971, 12, 31)

    assert Clinic.objects.count() == 300
    assert set(Clinic.objects.values_list("region", flat=True)) == set(REGIONS)
    for clinic in Clinic.objects.all():
        place = find_district(clinic.address)
        assert (place.region, place.district) == (clinic.region, clinic.district)
    assert Person.objects.count() == 400
    assert Ticket.objects.filter(room__cohort__code="53-54").count() == 5


def test_the_sample_obeys_the_rules_and_shows_the_states_of_the_desk(small):
    run("load_sample")

    counted = Slot.objects.annotate(
        taken=Count("reservations", filter=Q(reservations__status__in=TAKING))
    )
    assert not counted.exclude(booked=F("taken")).exists()
    statuses = Counter(Reservation.objects.values_list("status", flat=True))
    assert {
        ReservationStatus.CONFIRMED,
        ReservationStatus.VACCINATED,
        ReservationStatus.NO_SHOW,
        ReservationStatus.ARRIVED,
        ReservationStatus.CANCELLED,
    } <= set(statuses)


def test_phones_are_of_a_range_that_nobody_has(small):
    run("load_sample")

    phones = {person.phone for person in Person.objects.all()}
    assert len(phones) == 400
    assert all(phone.startswith("+8210000") and len(phone) == 13 for phone in phones)


def test_the_printed_log_ins_open_what_they_say(small, client):
    run("load_sample")

    lines = run("sample_logins").splitlines()

    for cohort, person in campaign.citizens():
        assert any(person.name in line and str(person.birth_date) in line for line in lines)
        answers = {answer.cohort.code: answer.eligible for answer in decide(person=person)}
        assert answers[cohort.code] is True
        assert not person.reservations.exists()
    for name in ["clinic", "local", "authority", "operator"]:
        assert any(name in line and campaign.PASSWORD in line for line in lines)
        assert User.objects.get(username=name).check_password(campaign.PASSWORD)
        form = {"username": name, "password": campaign.PASSWORD}
        assert client.post("/admin/login/?next=/admin/", form).status_code == 302
        client.logout()


def test_a_second_load_is_silent_or_refused(small):
    run("load_sample")
    people = Person.objects.count()

    assert run("load_sample", "--if-empty") == ""
    with pytest.raises(CommandError):
        run("load_sample")
    assert Person.objects.count() == people


def test_the_log_ins_come_with_the_load_and_without_it(small):
    first = run("load_sample", "--if-empty", "--logins").partition("\n\n")
    again = run("load_sample", "--if-empty", "--logins")

    assert "300 clinics, " in first[0]
    assert first[2] == run("sample_logins")
    assert again == f"\n{first[2]}"


@pytest.mark.usefixtures("db")
def test_a_database_of_somebody_else_has_no_log_ins_to_print(settings):
    settings.SAMPLE = True
    PersonFactory()

    assert run("load_sample", "--if-empty", "--logins") == ""


@pytest.mark.parametrize("command", ["load_sample", "sample_logins"])
def test_outside_of_a_sample_campaign_nothing_is_loaded_or_printed(settings, command):
    settings.SAMPLE = False

    with pytest.raises(CommandError):
        run(command)

    assert not Person.objects.exists()
