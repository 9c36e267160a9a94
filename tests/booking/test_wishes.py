"""What would suit a person: chosen while they wait, shown first inside, and no advantage."""

import re
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from booking.areas import district_key
from booking.finder import availability
from booking.models import ListEntry, Slot, Wish
from booking.services import wishes
from booking.services.wishes import Wished
from eligibility.models import Cohort, Proxy
from eligibility.services.purging import forget
from tests.booking.test_path import key_on, page, sign_in, slots_on
from tests.booking.test_sessions import Scene
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    SlotFactory,
    TicketFactory,
    VaccineFactory,
)
from waiting_room.models import Line

pytestmark = pytest.mark.django_db

GANGNAM = district_key("서울특별시", "강남구")
SEOCHO = district_key("서울특별시", "서초구")


@pytest.fixture
def seocho():
    return ClinicFactory(region="서울특별시", district="서초구")


def tomorrow(clinic, hour: int):
    day = timezone.localtime(timezone.now()).replace(hour=0, minute=0, second=0, microsecond=0)
    return SlotFactory(clinic=clinic, starts_at=day + timedelta(days=1, hours=hour))


def test_a_person_who_waits_chooses_and_finds_it_first_inside(client, seocho):
    ticket = TicketFactory()
    sign_in(client, ticket.person)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    morning, afternoon = tomorrow(seocho, 9), tomorrow(seocho, 14)
    at_home = SlotFactory()
    availability.clear_caches()

    link = reverse("wishes")
    assert link in page(client.get(reverse("ticket", args=[ticket.pk])))
    posted = client.post(link, {"places": [SEOCHO], "part": "afternoon"})
    kept = page(client.get(posted.headers["Location"]))
    Line.objects.update(serving=ticket.place)
    AdmissionFactory(ticket=ticket)
    first = client.get(reverse("booking"))
    widened = client.get(reverse("booking"), {"mine": "1"})
    elsewhere = client.get(reverse("booking"), {"region": "서울특별시", "district": "강남구"})

    assert "Your choice is kept" in kept
    assert slots_on(first) == [afternoon.pk]
    assert slots_on(widened) == [morning.pk, afternoon.pk]
    assert slots_on(elsewhere) == [at_home.pk]
    assert not [name for name in client.cookies if "wish" in name]


def test_where_nothing_suits_the_other_times_of_these_districts_are_shown(inside, seocho):
    slot = tomorrow(seocho, 9)
    wishes.keep_wishes(person_id=inside.person.pk, wished=Wished((SEOCHO,), part="evening"))

    first = inside.get(reverse("booking"))

    assert slots_on(first) == [slot.pk]
    assert "Nothing is open at the days and hours you chose" in page(first)


def test_wishes_cost_the_finder_no_statement(inside, seocho):
    tomorrow(seocho, 9)
    SlotFactory()
    availability.directory()

    def statements() -> int:
        for cache in availability.all_caches[1:]:
            cache.clear()
        with CaptureQueriesContext(connection) as asked:
            assert slots_on(inside.get(reverse("booking")))
        return len(asked)

    without = statements()
    wishes.keep_wishes(
        person_id=inside.person.pk, wished=Wished((SEOCHO, GANGNAM), frozenset(range(7)))
    )

    assert statements() == without


def test_a_vaccine_that_the_cohort_does_not_name_is_not_looked_for(inside, seocho):
    other = VaccineFactory()
    Cohort.objects.update(vaccines=[tomorrow(seocho, 9).vaccine.code])
    availability.clear_caches()
    wished = Wished((SEOCHO,), vaccine_id=other.pk)
    wishes.keep_wishes(person_id=inside.person.pk, wished=wished)

    first = inside.get(reverse("booking"))

    assert len(slots_on(first)) == 1
    assert "Nothing is open at the days" not in page(first)


def test_the_cancellation_list_begins_with_the_wishes(inside, seocho):
    wished = Wished((SEOCHO,), frozenset([1, 3]), part="morning")
    wishes.keep_wishes(person_id=inside.person.pk, wished=wished)
    ClinicFactory(region="서울특별시", district="강남구")

    form = inside.get(reverse("cancellation_list")).context["form"]
    posted = {name: form[name].value() for name in ("places", "weekday", "part")}
    days = {name: form[name].value().isoformat() for name in ("date_from", "date_to")}
    joined = inside.post(reverse("cancellation_list"), posted | days, follow=True)

    assert posted == {"places": [SEOCHO], "weekday": ["1", "3"], "part": "morning"}
    assert ListEntry.objects.get().weekdays == [1, 3]
    assert "<br>Tue, Thu<br>00:00 – 12:00" in page(joined)


@pytest.mark.parametrize("booked", [False, True], ids=["held", "booked"])
def test_times_of_the_second_dose_begin_with_the_days_and_hours_that_suit(inside, seocho, booked):
    vaccine = VaccineFactory(double=True)
    first = SlotFactory(vaccine=vaccine)
    morning, afternoon, elsewhere = (
        SlotFactory(
            clinic=clinic,
            vaccine=vaccine,
            starts_at=first.starts_at + timedelta(days=28 + days, hours=hours),
        )
        for clinic, days, hours in [(first.clinic, 0, 0), (first.clinic, 1, 4), (seocho, 1, 4)]
    )
    Slot.objects.filter(pk__in=[morning.pk, afternoon.pk]).update(booked=10)
    held = inside.post(reverse("hold"), {"slot": first.pk}, follow=True)
    if booked:
        inside.post(reverse("confirm"), {"key": key_on(held)})
    Slot.objects.filter(pk__in=[morning.pk, afternoon.pk]).update(booked=0)
    later = frozenset([timezone.localtime(afternoon.starts_at).weekday()])

    def shown(wished: Wished, **query: str):
        wishes.keep_wishes(person_id=inside.person.pk, wished=wished)
        availability.clear_caches()
        return inside.get(reverse("second"), query)

    both = shown(Wished((SEOCHO,)))
    by_day = shown(Wished((SEOCHO,), later))
    by_hour = shown(Wished((SEOCHO,), part="afternoon"))
    nothing = shown(Wished((SEOCHO,), part="evening"))
    asked = shown(Wished((SEOCHO,), later), clinic=first.clinic.code)

    assert [times_on(response) for response in (both, by_day, by_hour, nothing, asked)] == [
        [morning.pk], [afternoon.pk], [afternoon.pk], [morning.pk], [morning.pk],
    ]  # fmt: skip
    assert "These are the other times at this clinic" in page(nothing)
    assert elsewhere.pk not in times_on(by_hour)


def times_on(response) -> list[int]:
    """The times to press; beside a held first dose, which the form names, those of the second."""
    return [int(pk) for pk in re.findall(r'<button name="\w+" value="(\d+)"', page(response))]


def test_the_list_says_how_many_asked_before(inside, seocho):
    for other in AdmissionFactory.create_batch(2):
        _join(other)
    own = inside.person.tickets.get().admissions.get()
    _join(own)

    shown = page(inside.get(reverse("cancellation_list")))

    assert "Ahead of you on the list</span><strong>2 people</strong>" in shown


def _join(admission) -> None:
    today = timezone.localdate()
    ListEntry.objects.create(
        person=admission.ticket.person,
        admission=admission,
        places=[SEOCHO],
        date_from=today,
        date_to=today + timedelta(days=7),
        time_from="09:00",
        time_to="12:00",
    )


@pytest.mark.parametrize(
    ("posted", "problem"),
    [
        ({}, "Choose at least one place."),
        ({"places": ["d:서울특별시/없는구"]}, "없는구"),
        ({"places": ["c:1"]}, "c:1"),
        ({"places": [GANGNAM], "part": "night"}, "night"),
        ({"places": [GANGNAM], "weekday": ["7"]}, "7"),
        ({"places": [GANGNAM], "around": "어디에도"}, "We do not know this place."),
        ({"places": [GANGNAM], "around": "어디에도", "look": "1"}, "We do not know this place."),
    ],
)
def test_what_is_no_wish_is_named_and_not_stored(inside, posted, problem):
    ClinicFactory(region="서울특별시", district="강남구")

    answer = inside.post(reverse("wishes"), posted)

    assert answer.status_code == 422
    assert problem in page(answer)
    assert not Wish.objects.exists()


def test_other_districts_are_looked_up_with_what_is_chosen_kept(inside):
    for district in ("강남구", "서초구"):
        ClinicFactory(region="서울특별시", district=district)
    ClinicFactory(region="부산광역시", district="해운대구")
    posted = {"places": [SEOCHO], "weekday": ["5"], "around": "부산", "look": "1"}

    form = inside.post(reverse("wishes"), posted).context["form"]

    assert (form["places"].value(), form["weekday"].value()) == ([SEOCHO], ["5"])
    assert district_key("부산광역시", "해운대구") in dict(form.fields["places"].choices)
    assert not Wish.objects.exists()


def test_a_person_deletes_their_wishes_and_retention_does(inside):
    kept = Wished((GANGNAM,))
    wishes.keep_wishes(person_id=inside.person.pk, wished=kept)
    inside.post(reverse("wishes"), {"forget": "1"})
    assert not Wish.objects.exists()
    wishes.keep_wishes(person_id=inside.person.pk, wished=kept)
    assert "강남구" in page(inside.get(reverse("my_data")))

    forget([inside.person.pk], now=timezone.now())

    assert not Wish.objects.exists()


def test_a_proxy_sees_no_wishes_from_before_the_yes():
    scene = Scene(acting=True)
    seocho = ClinicFactory(region="서울특별시", district="서초구")
    elsewhere = tomorrow(seocho, 9)
    person = scene.person
    wishes.keep_wishes(person_id=person.pk, wished=Wished((SEOCHO,)))
    Proxy.objects.update(shows_earlier=False, declared_at=timezone.now())

    found = slots_on(scene.browser.get(reverse("booking")))

    assert elsewhere.pk not in found
    assert wishes.wishes_of(person.pk, timezone.now() + timedelta(days=1)) is None


@pytest.mark.parametrize(
    "wrong", [{"places": []}, {"places": [GANGNAM] * 6}, {"weekdays": [7]}, {"part": "night"}]
)
def test_the_table_refuses_what_is_no_wish(inside, wrong):
    row = {"person": inside.person, "places": [GANGNAM], "weekdays": [], "part": ""} | wrong

    with pytest.raises(IntegrityError), transaction.atomic():
        Wish.objects.create(**row)
