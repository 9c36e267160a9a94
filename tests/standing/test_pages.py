"""Every page says the same of a person: heading, badge and button of the one state they are in."""

from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils.timezone import localdate
from icalendar import Calendar
from selectolax.lexbor import LexborHTMLParser

from booking.models import Clinic, Offer, Reservation
from booking.services.outside_doses import record_outside_dose
from standing.states import State
from tests.eligibility.signing_in import sign_in
from tests.factories import VaccineFactory
from tests.standing.contradictions import as_seen, contradictions, words
from tests.standing.scenes import SCENES
from tests.waiting_room.scene import back_in_time
from waiting_room.services import rooms

pytestmark = pytest.mark.django_db

# States whose person is inside, or about to be let in without a page that says no.
PASSES = {State.INSIDE, State.HELD, State.SECOND_MISSING}


def seen(response: HttpResponse, *, script: bool) -> LexborHTMLParser:
    return as_seen(response.content.decode(), script=script)


def browser(person, language: str) -> Client:
    client = Client(headers={"accept-language": language})
    if person:
        sign_in(client, person)
    return client


def pages_of(client: Client, scene, state: State) -> dict[str, HttpResponse]:
    addresses = {"home": "/", "own": "/mine/", "booking": "/booking/"}
    if scene.person:
        addresses["eligibility"] = "/eligibility/"
        addresses["confirm"] = "/booking/confirm/"
    if scene.ticket:
        addresses["ticket"] = f"/queue/t/{scene.ticket.pk}/"
        addresses["room"] = f"/queue/{scene.ticket.room.cohort.code}/"
    if state == State.OFFER:
        addresses["offer"] = f"/offers/{Offer.objects.get().token}/"
    if state in PASSES:
        del addresses["booking"]
    return {name: client.get(address) for name, address in addresses.items()}


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("state", State)
def test_no_page_contradicts_where_the_person_stands(state, language):
    scene = SCENES[state]()
    client = browser(scene.person, language)

    for name, response in pages_of(client, scene, state).items():
        if response.status_code == 302:
            assert (name, scene.person) == ("own", None)
            continue
        for script in (True, False):
            page = seen(response, script=script)
            assert contradictions(page, state, language, names=True) == [], f"{name}, {script=}"


def test_the_own_place_costs_one_statement(django_assert_num_queries):
    scene = SCENES[State.BOOKED]()
    client = browser(scene.person, "ko")

    with django_assert_num_queries(1):
        page = client.get("/mine/")
    with django_assert_num_queries(3):
        client.get("/")

    assert page.context["stands"].state == State.BOOKED


@pytest.mark.parametrize(
    ("language", "name"), [("ko", "한강의원"), ("vi", "Hangang Clinic (한강의원)")]
)
def test_the_sentence_of_a_booking_names_the_clinic_for_its_reader(language, name):
    scene = SCENES[State.BOOKED]()
    Clinic.objects.update(name="한강의원", name_en="Hangang Clinic")

    page = seen(browser(scene.person, language).get("/mine/"), script=False)

    assert words(page.css_first(".jari-lead")).endswith(f", {name}")
    marked = [words(node).strip("()") for node in page.css(".jari-lead [lang=ko]")]
    assert marked == ([] if language == "ko" else ["한강의원"])


@pytest.mark.parametrize("doses", [1, 2])
def test_a_dose_given_elsewhere_opens_the_own_place_too(doses):
    scene = SCENES[State.INSIDE]()
    vaccine = VaccineFactory(double=doses == 2)
    record_outside_dose(
        person_id=scene.person.pk, vaccine=vaccine, dose=1, given_on=localdate(), by="staff:1"
    )

    page = browser(scene.person, "en").get("/mine/")

    stands = page.context["stands"]
    assert stands.facts.misses_second == (doses == 2)
    assert stands.facts.is_done == (doses == 1)


@pytest.mark.parametrize(
    ("state", "asks"), [(State.WAITING, True), (State.BOOKED, False), (State.DONE, False)]
)
def test_what_would_suit_is_asked_of_people_with_a_time_to_choose(state, asks):
    page = seen(browser(SCENES[state]().person, "en").get("/mine/"), script=False)

    assert bool(page.css("main a[href='/wishes/']")) == asks


@pytest.mark.parametrize("stop", ["pause", "still"])
def test_nobody_who_was_called_reads_that_the_line_stops(stop):
    scene = SCENES[State.CALLED]()
    room = scene.ticket.room
    if stop == "pause":
        rooms.pause_room(room=room, by="test", message_ko="점검", message_en="Maintenance")
    else:
        back_in_time(room, 60)

    page = seen(browser(scene.person, "en").get(f"/queue/t/{scene.ticket.pk}/"), script=False)

    assert page.css_first("h1").text() == "It is your turn"
    assert [node.id for node in page.css(".jari-notice")] == []


def test_a_resume_code_shows_the_place_and_nothing_that_is_booked():
    """The page of a ticket whose code was typed in a browser of nobody."""
    from tests.waiting_room.test_pages import code_of

    scene = SCENES[State.BOOKED]()
    client = browser(None, "en")
    client.post("/queue/resume/", {"code": code_of(scene.ticket)})

    page = client.get(f"/queue/t/{scene.ticket.pk}/")

    text = page.content.decode()
    assert 'data-stands="called"' in text
    assert Reservation.objects.get().number not in text


def test_the_opening_goes_into_a_calendar_from_the_page_that_tells_its_date():
    scene = SCENES[State.NOT_YET]()
    cohort = scene.person.decisions.get().cohort
    client = browser(scene.person, "en")

    linked = LexborHTMLParser(client.get("/mine/").content.decode())
    address = f"/queue/{cohort.code}/opening.ics"
    assert linked.css_matches(f'a[href="{address}"]')
    event = Calendar.from_ical(client.get(address).content).walk("VEVENT")[0]
    later = cohort.opens_at + timedelta(hours=2)
    scene.person.decisions.update(window_from=later)
    own = Calendar.from_ical(client.get(address).content).walk("VEVENT")[0]
    of_all = Calendar.from_ical(browser(None, "en").get(address).content).walk("VEVENT")[0]

    opens_at = cohort.opens_at.replace(microsecond=0)
    assert (event.start, own.start) == (opens_at, later.replace(microsecond=0))
    assert of_all.start == opens_at
    assert cohort.name in event["summary"]
