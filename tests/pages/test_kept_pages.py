"""Pages of people who are signed in, kept in parts (web.moulds), are those of their templates."""

import re

import pytest
from django.test import Client

from standing.states import State
from tests.eligibility.signing_in import sign_in
from tests.factories import CohortFactory, PersonFactory
from tests.standing.scenes import SCENES, Scene
from waiting_room import now_cache
from web import moulds

pytestmark = pytest.mark.django_db

HOSTILE = "<b>&\"' \ue0000\ue001 {{ x }}"
TOKEN = re.compile(r'(csrfmiddlewaretoken" value=")\w+')
TYPED = {"name": "김시험", "birth_date": "640512"}


@pytest.fixture(autouse=True)
def _one_moment_and_nothing_kept(clock, monkeypatch):
    clock.freeze()
    monkeypatch.setattr(moulds, "_moulds", {})
    monkeypatch.setattr(now_cache, "documents", now_cache.NowCache())


def browser(scene: Scene, language: str, **cookies: str) -> Client:
    client = Client(headers={"accept-language": language})
    for name, value in cookies.items():
        client.cookies[name] = value
    if scene.person:
        sign_in(client, scene.person)
    return client


def addresses_of(scene: Scene) -> list[str]:
    own = [f"/queue/t/{scene.ticket.pk}/"] if scene.ticket else []
    return ["/", *(["/eligibility/"] if scene.person else []), *own]


def kept_and_rendered(client: Client, address: str) -> tuple[str, str]:
    kept = client.get(address).content.decode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moulds, "enabled", False)
        rendered = client.get(address).content.decode()
    return TOKEN.sub(r"\1", kept), TOKEN.sub(r"\1", rendered)


@pytest.mark.parametrize(
    ("language", "cookies"),
    [("ko", {}), ("en", {"jari_letters": "large", "jari_words": "easy"})],
)
@pytest.mark.parametrize("state", State)
def test_a_kept_page_is_the_rendered_one_for_the_next_person_too(state, language, cookies):
    CohortFactory(name_ko="다른 기간 <b>", name_en="Another period <b>")
    scenes = [SCENES[state](), SCENES[state]()]
    if scenes[0].person:
        scenes.append(Scene(PersonFactory(declared=True, name=HOSTILE, phone="+821077778888")))
    browsers = [(scene, browser(scene, language, **cookies)) for scene in scenes]

    for _round in range(2):
        for scene, client in browsers:
            for address in addresses_of(scene):
                kept, rendered = kept_and_rendered(client, address)

                assert kept == rendered, address


def test_two_people_by_turns_see_their_own_names_places_and_tokens():
    scenes = [SCENES[State.WAITING]() for _number in range(2)]
    clients = [browser(scene, "ko") for scene in scenes]
    people = [scene.person for scene in scenes]
    type(people[0]).objects.filter(pk=people[0].pk).update(name="김하나")
    type(people[0]).objects.filter(pk=people[1].pk).update(name="이두리")

    for _round in range(3):
        for number, client in enumerate(clients):
            addresses = addresses_of(scenes[number])
            pages = [client.get(address).content.decode() for address in addresses]

            shown = "".join(pages)
            assert ("김하나" in shown, "이두리" in shown) == (number == 0, number == 1)
            own = [str(scene.ticket.pk) in shown for scene in scenes]
            assert own == [number == 0, number == 1]
            # Masked anew on each page, all of one secret: that of this browser.
            assert {len(tokens_of(page)) for page in pages} == {1}
            for page in pages:
                form = {"csrfmiddlewaretoken": tokens_of(page).pop(), "letters": "large"}
                assert posted(client, form) == 302
                assert posted(clients[1 - number], form) == 403


def tokens_of(page: str) -> set[str]:
    return set(re.findall(r'csrfmiddlewaretoken" value="(\w+)"', page))


def posted(client: Client, form: dict[str, str]) -> int:
    """The answer of a browser with these cookies, whose tokens are checked."""
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    return strict.post("/letters/", form).status_code


def test_the_page_of_a_code_is_kept_and_one_with_something_typed_is_rendered():
    clients = [Client(headers={"accept-language": language}) for language in ("ko", "en", "ko")]
    for number, client in enumerate(clients):
        client.post("/identity/", {**TYPED, "phone": f"010-0000-000{number}"})

    pages = [kept_and_rendered(client, "/identity/code/") for client in clients]
    typed = clients[0].post("/identity/code/", {"code": "12", "language": "ko"})

    for number, (kept, rendered) in enumerate(pages):
        assert kept == rendered
        assert re.findall("000[0-2]", kept) == [f"000{number}"]
    assert 'value="12"' in typed.content.decode()
    assert [key[0] for key in moulds._moulds] == ["eligibility/identity_code.html"] * 2
