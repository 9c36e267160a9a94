"""Pages of the event loop before a booking are those of the views, or left to them."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from config import home
from config.own_pages import OwnPages, cohorts
from database.clock import known_now
from eligibility.enums import Proof
from eligibility.models import Cohort, CohortChange, Decision, Person
from eligibility.services.signing_out import sign_out_everywhere
from standing.states import State
from tests.booking.test_fast_path import in_a_loop, shown
from tests.eligibility.signing_in import sign_in
from tests.factories import CohortFactory, PersonFactory, RoomFactory
from tests.standing.scenes import SCENES, Scene
from tests.waiting_room.scene import tick
from waiting_room import now_cache

pytestmark = pytest.mark.django_db(transaction=True)

# At the door each look is noted.
BY_THE_VIEWS = {(State.DOOR, "ticket")}
CHOSEN = {"jari_letters": "large", "jari_words": "easy"}


@pytest.fixture(autouse=True)
def _one_moment(clock, monkeypatch):
    clock.freeze()
    monkeypatch.setattr(now_cache, "FRESH_SECONDS", 600)
    monkeypatch.setattr(now_cache.documents, "_documents", {})
    for cache in (home.lines, cohorts):
        cache.clear()
        monkeypatch.setattr(cache, "_seconds", 600)


def browser_of(person: Person | None, language: str = "ko", **cookies: str) -> Client:
    browser = Client(headers={"accept-language": language})
    browser.cookies.load({"csrftoken": "t" * 32, **cookies})
    if person:
        sign_in(browser, person)
    return browser


def ask(*asked: tuple[Client, str]) -> list[HttpResponse | None]:
    """The fast path's own answers to requests of browsers that come at once."""
    environs = []
    for browser, path in asked:
        factory = RequestFactory(
            headers={"accept-language": browser.defaults["HTTP_ACCEPT_LANGUAGE"]}
        )
        factory.cookies = browser.cookies
        environs.append(factory.get(path).environ)

    async def all_at_once() -> list[HttpResponse | None]:
        pages = OwnPages()
        try:
            return list(await asyncio.gather(*(pages(environ) for environ in environs)))
        finally:
            await pages.close()

    return in_a_loop(all_at_once)


def paths_of(scene: Scene) -> dict[str, str]:
    ticket = {"ticket": f"/queue/t/{scene.ticket.pk}/"} if scene.ticket else {}
    return {"home": "/", "eligibility": "/eligibility/", **ticket}


@pytest.mark.parametrize(("language", "cookies"), [("ko", {}), ("en", CHOSEN)])
@pytest.mark.parametrize("state", [state for state in State if state != State.UNKNOWN])
def test_a_page_is_that_of_the_views(state, language, cookies):
    CohortFactory(name_ko="다른 기간 <b>", name_en="Another period <b>")
    scene = SCENES[state]()
    if state == State.GATHERED:
        tick(scene.ticket.room)  # its first document
    browser = browser_of(scene.person, language, **cookies)
    paths = paths_of(scene)
    browser.get("/eligibility/")  # stores what is decided
    by_views = {name: browser.get(path) for name, path in paths.items()}

    answers = ask(*((browser, path) for path in paths.values()))

    for name, answer in zip(paths, answers, strict=True):
        assert (answer is None) == ((state, name) in BY_THE_VIEWS), name
        if answer:
            assert shown(answer) == shown(by_views[name]), name


def test_people_who_ask_at_once_get_their_own_pages():
    # As many requests as a process has connections for, at most.
    scenes = [SCENES[State.WAITING]() for _number in range(2)]
    asked = []
    for scene in scenes:
        browser = browser_of(scene.person)
        browser.get("/eligibility/")
        asked += [(browser, path) for path in paths_of(scene).values()]
    by_views = [shown(browser.get(path)) for browser, path in asked]

    for _round in range(2):
        answers = ask(*asked)

        assert [answer and shown(answer) for answer in answers] == by_views
    own = ["".join(page.content.decode() for page in answers[:3])]
    own += ["".join(page.content.decode() for page in answers[3:])]
    for number, pages in enumerate(own):
        names = [f"<dd>{scene.person.name}</dd>" in pages for scene in scenes]
        assert names == [number == 0, number == 1]


def test_what_is_not_ordinary_is_left_to_the_views(settings):
    scene, other = SCENES[State.WAITING](), SCENES[State.WAITING]()
    gone = PersonFactory()
    own, ended, unknown = browser_of(scene.person), browser_of(gone), browser_of(None)
    sign_out_everywhere(gone.pk)
    paths = paths_of(scene).values()
    own.get("/eligibility/")
    own.get(f"/queue/t/{scene.ticket.pk}/")

    assert ask(*((own, path) for path in paths)).count(None) == 0
    assert ask(*((unknown, path) for path in paths)) == [None] * 3
    assert ask(*((ended, path) for path in paths)) == [None] * 3
    assert ask((own, f"/queue/t/{other.ticket.pk}/"), (own, "/?a=1")) == [None] * 2
    settings.SECURE_SSL_REDIRECT = True
    assert ask((own, "/")) == [None]


def decided(person: Person) -> list[dict[str, Any]]:
    rows = Decision.objects.filter(person=person).order_by("cohort").values()
    return [row | {"id": None} for row in rows]


def test_the_first_look_stores_what_the_view_does():
    # One that fits, one that does not, and one that is over, of which nothing is stored.
    CohortFactory(proof=Proof.COUNTER)
    RoomFactory(cohort=CohortFactory(soon=True))
    CohortFactory(birth_from=date(1990, 1, 1), birth_to=date(1991, 1, 1))
    CohortFactory(closed=True)
    person = PersonFactory()
    browser = browser_of(person)

    [page, again] = ask(*[(browser, "/eligibility/")] * 2)

    by_event_loop = decided(person)
    Decision.objects.all().delete()
    assert shown(page) == shown(again) == shown(browser.get("/eligibility/"))
    assert by_event_loop == decided(person)
    assert len(by_event_loop) == 2


def change_the_row(cohort: Cohort) -> None:
    Cohort.objects.filter(pk=cohort.pk).update(birth_to=date(1963, 1, 1))


def change_now(cohort: Cohort, birth_to: date = date(1963, 1, 1)) -> None:
    CohortChange.objects.create(
        cohort=cohort, takes_effect_at=known_now(), values={"birth_to": str(birth_to)}, by="staff:1"
    )


def change_that_is_known(cohort: Cohort) -> None:
    change_now(cohort, date(1970, 1, 1))
    cohorts.clear()


@pytest.mark.parametrize("change", [change_the_row, change_now, change_that_is_known])
def test_no_yes_is_stored_by_a_cohort_that_changed(change):
    cohort = CohortFactory()
    first, later = PersonFactory.create_batch(2)
    [stored] = ask((browser_of(first), "/eligibility/"))  # which keeps the cohorts
    change(cohort)

    answers = ask((browser_of(later), "/eligibility/"))

    assert answers == [None]
    assert stored is not None
    assert (len(decided(first)), decided(later)) == (1, [])


def test_what_else_there_is_to_store_is_left_to_the_view():
    cohort = CohortFactory(proof=Proof.COUNTER)
    declared, told = PersonFactory(declared=True), PersonFactory()
    browser_of(told).get("/eligibility/")
    Cohort.objects.filter(pk=cohort.pk).update(closes_at=cohort.closes_at + timedelta(days=1))
    [before] = decided(told)

    assert ask(*((browser_of(person), "/eligibility/") for person in (declared, told))) == [
        None,
        None,
    ]
    assert (decided(declared), decided(told)) == ([], [before])


def test_a_person_who_acts_for_another_is_left_to_the_views():
    child, mother = PersonFactory.create_batch(2)
    browser = browser_of(None)
    sign_in(browser, mother, by_id=child.pk)

    assert ask((browser, "/"), (browser, "/eligibility/")) == [None] * 2


def test_lines_are_shown_as_they_were_a_second_ago_at_most():
    room = RoomFactory()
    browser = browser_of(PersonFactory())
    browser.get("/")
    type(room.cohort).objects.update(name_ko="새 이름")

    [kept] = ask((browser, "/"))
    home.lines.clear()
    [read] = ask((browser, "/"))

    assert "새 이름" not in kept.content.decode()
    assert "새 이름" in read.content.decode()
