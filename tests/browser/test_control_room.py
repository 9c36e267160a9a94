"""The control room in a browser: the page moves on, and the hand that types is not disturbed."""

import os
from pathlib import Path

import pytest
from django.urls import reverse

from staff.enums import Role
from tests.browser.test_desk import sign_in
from tests.factories import RoomFactory
from tests.waiting_room.scene import join, tick
from waiting_room.models import RoomMinute
from waiting_room.services.rooms import pause_room

TOP = "document.activeElement.getBoundingClientRect().top"


@pytest.mark.parametrize(("language", "width"), [("ko-KR", 360), ("en-GB", 1280)])
def test_typing_is_not_disturbed_while_the_page_moves(new_screen, language, width, clock):
    rooms = [RoomFactory(), RoomFactory()]
    for minute in (1, 2, 3):
        clock.freeze()
        clock.forward(minutes=1, tick=True)
        for _ in range(minute):
            join(rooms[0])
        tick(rooms[0])
    assert RoomMinute.objects.count() > 1
    page = new_screen(language, width)
    sign_in(page, role=Role.OPERATOR)
    page.goto(page.at + reverse("admin:control"))
    page.wait_for_selector(f"#room{rooms[0].pk}_moved")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.focus("[name=message_ko]")
    page.keyboard.type("전산 점검")
    top = page.evaluate(TOP)

    # Taller above the form on a phone: a line of reasons, and one more act below.
    pause_room(room=rooms[1], message_ko="점검", by="staff:1")
    tick(rooms[1])
    page.wait_for_selector("#control-changed:visible")

    assert abs(page.evaluate(TOP) - top) < 2
    page.keyboard.type(" 중")
    assert page.input_value("[name=message_ko]") == "전산 점검 중"
    page.select_option("[name=template]", "check")
    assert page.input_value("[name=message_ko]") == "전산 점검 중"
    assert "Your number is kept." in page.input_value("[name=message_en]")
    folder = os.environ.get("JARI_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"control-{language}-{width}.png", full_page=True)
    with page.expect_response(lambda answer: "/control/now/" in answer.url):
        pass
    assert page.said == []
    page.goto("about:blank")
