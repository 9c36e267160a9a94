"""What an insider did to a draw (tests/waiting_room/steering.py) is said on the public pages."""

import pytest
from playwright.sync_api import expect

from tests.eligibility.signing_in import sign_in_context
from tests.waiting_room import steering
from tests.waiting_room.steering import TRICKS
from waiting_room.models import Ticket
from waiting_room.now_cache import NowCache


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, settings, tmp_path):
    settings.HOME = tmp_path
    board = NowCache()
    monkeypatch.setattr("waiting_room.now_cache.documents", board)
    monkeypatch.setattr("waiting_room.views.documents", board)


@pytest.fixture
def said_of(context, live_server):
    """What the page of the draw answers about a room's first entry."""
    context.add_cookies([{"name": "jari_language", "value": "en", "url": live_server.url}])

    def ask(room, page=None) -> tuple[str, str]:
        page = page or context.new_page()
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{live_server.url}/queue/{room.cohort.code}/draw/")
        page.locator("#entry").fill("1")
        page.get_by_role("button", name="Calculate the place").click()
        answer = page.locator("#check-answer")
        expect(answer).to_be_visible()
        assert wrong == []
        return answer.text_content(), answer.get_attribute("class")

    return ask


def test_a_draw_by_the_rule_is_said_to_be_one(said_of):
    room = steering.drawn(steering.closed(steering.gathered()))

    answer, look = said_of(room)

    assert answer == (
        f"Place {room.place_of(1)}. The draw was held by the rule that its plan names. "
        "Not checked here: the own signature of the beacon. The program does that."
    )
    assert look.endswith("is-success")


@pytest.mark.parametrize("source", ["officers", "stated", "sample"])
def test_a_draw_by_another_source_is_one_too(said_of, source):
    from waiting_room.services import drawing

    room = steering.closed(steering.gathered(source, statement=steering.STATEMENT))
    if source == "officers":
        for name, secret in steering.SECRETS.items():
            drawing.open_secret(room=room, name=name, secret=secret, by="staff:1")
    if source == "stated":
        drawing.state_value(room=room, value="4 8 15", by="staff:1")

    answer, look = said_of(steering.drawn(room))

    assert answer.endswith("The draw was held by the rule that its plan names.")
    assert look.endswith("is-success")


@pytest.mark.parametrize("name", TRICKS)
def test_a_trick_of_an_insider_is_said_on_the_page(said_of, name):
    trick = TRICKS[name]

    answer, look = said_of(trick.play())

    assert trick.on_page in answer
    assert look.endswith("is-success" if "Not checked" in trick.on_page else "is-danger")


def ticket_page(context, live_server, ticket):
    sign_in_context(context, live_server.url, ticket.person_id)
    context.add_cookies([{"name": "jari_language", "value": "en", "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/queue/t/{ticket.pk}/")
    return page


def verdict(page) -> str:
    expect(page.locator("#check-answer")).to_be_visible()
    expect(page.locator("#check-again")).to_be_enabled()
    return page.locator("#check-answer").text_content()


def test_a_log_that_was_written_anew_is_said_by_a_page_that_saw_the_old_one(context, live_server):
    room = steering.drawn(steering.closed(steering.gathered()))
    ticket = Ticket.objects.get(room=room, entry=5)
    page = ticket_page(context, live_server, ticket)
    page.get_by_text("Check that nobody was moved").click()
    assert verdict(page).startswith("Your ticket number 5 stands in the log")

    steering.rewrite_until_first(room, max((1, 2, 4, 6), key=room.place_of))
    page.locator("#check-again").click()

    assert verdict(page).startswith("There are two logs of")


def test_a_ticket_that_was_put_in_later_can_not_prove_its_place(context, live_server):
    room = steering.closed(steering.gathered())
    late = steering.put_in_a_late_ticket(room)
    page = ticket_page(context, live_server, late)

    page.get_by_text("Check that nobody was moved").click()

    assert "does not stand in the page" in verdict(page)
