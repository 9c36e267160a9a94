"""Pages of the event loop before a booking are those of the views, or left to them."""

import asyncio

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from config import home
from config.own_pages import OwnPages, cohorts
from eligibility.models import Decision, Person
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
    gone, new = PersonFactory.create_batch(2)
    own, ended, unknown = browser_of(scene.person), browser_of(gone), browser_of(None)
    sign_out_everywhere(gone.pk)
    paths = paths_of(scene).values()
    own.get("/eligibility/")
    own.get(f"/queue/t/{scene.ticket.pk}/")

    assert ask(*((own, path) for path in paths)).count(None) == 0
    assert ask(*((unknown, path) for path in paths)) == [None] * 3
    assert ask(*((ended, path) for path in paths)) == [None] * 3
    assert ask((own, f"/queue/t/{other.ticket.pk}/"), (own, "/?a=1")) == [None] * 2
    # Their yes is stored by the view.
    assert ask((browser_of(new), "/eligibility/")) == [None]
    assert not Decision.objects.filter(person=new).exists()
    settings.SECURE_SSL_REDIRECT = True
    assert ask((own, "/")) == [None]


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
