"""Large print: chosen by a button of every page, remembered, and nothing typed lost."""

import pytest
from django.test import Client

from messaging.models import Message
from standing.states import State
from tests.standing.scenes import SCENES
from tests.standing.test_pages import browser

pytestmark = pytest.mark.django_db


def test_the_chosen_letters_stay_until_others_are_chosen():
    client = Client()
    sizes = []

    for letters in ("large", "normal"):
        client.post("/letters/", {"letters": letters, "next": "/help/"})
        page = client.get("/help/").content.decode()
        sizes.append(('class="is-large"' in page, f'value="{letters}"' in page))

    assert sizes == [(True, False), (False, False)]
    assert client.cookies["jari_letters"]["httponly"]


@pytest.mark.parametrize(
    ("page", "leads_to"),
    [("/help/?from=x", "/help/?from=x"), ("https://evil.example/", "/"), ("", "/")],
)
def test_the_button_leads_back_to_the_page_and_to_no_other_site(page, leads_to):
    response = Client().post("/letters/", {"letters": "large", "next": page})

    assert (response.status_code, response.url) == (302, leads_to)


def test_what_is_no_size_changes_nothing():
    response = Client().post("/letters/", {"letters": "<huge>", "next": "/"})

    assert (response.status_code, "jari_letters" in response.cookies) == (302, False)


def test_easy_words_are_chosen_where_a_person_stands_and_stay():
    scene = SCENES[State.WAITING]()
    client = browser(scene.person, "ko")
    said = []

    for words in ("easy", "usual"):
        back = client.post("/letters/", {"words": words, "next": "/mine/"})
        page = client.get(back.url).content.decode()
        said.append(("기다리세요. 알려 드립니다." in page, "차례가 되면 알려 드립니다" in page))

    assert said == [(True, False), (False, True)]


def test_what_was_typed_stays_when_the_letters_change():
    response = Client().post("/identity/", {"letters": "large", "name": "김자리", "phone": "010"})

    page = response.content.decode()
    assert 'class="is-large"' in page
    assert 'value="김자리"' in page
    assert response.cookies["jari_letters"].value == "large"
    assert not Message.objects.exists()
