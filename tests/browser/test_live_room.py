"""The live page of a room, which an operator watches and writes on at the same time."""

import pytest
from django.urls import reverse

from staff.enums import Role
from tests.browser.test_desk import sign_in
from tests.factories import RoomFactory
from waiting_room.services.rooms import pause_room


@pytest.fixture
def watched(page, live_server):
    """An operator watches this room; ends between two fetches, so that none is cut off."""
    page.at, page.said = live_server.url, []
    room = RoomFactory()
    address = f"{page.at}{reverse('admin:waiting_room_room_change', args=[room.pk])}?live=1"
    sign_in(page, role=Role.OPERATOR)
    page.goto(address)
    yield page, room
    with page.expect_response(lambda response: response.request.resource_type == "fetch"):
        pass
    page.goto("about:blank")


def test_what_is_filled_in_stays_while_the_numbers_move(watched):
    page, room = watched
    page.check("[name=sure]")
    before = page.locator("#live-acts tbody tr").count()

    pause_room(room=room, by="staff:1")
    page.wait_for_function(
        "before => document.querySelectorAll('#live-acts tbody tr').length > before", arg=before
    )

    assert page.is_checked("[name=sure]")
    assert page.locator("#live-old").is_hidden()


def test_a_page_that_cannot_be_renewed_says_so(watched):
    page, _room = watched

    page.context.clear_cookies()

    page.wait_for_selector("#live-old:visible")
