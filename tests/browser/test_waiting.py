"""The waiting page in a browser: what it shows without a reload, and what can't deceive it."""

import re
from datetime import timedelta
from pathlib import Path

import brotli
import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from playwright.sync_api import expect

from eligibility.enums import Order
from eligibility.models import Cohort
from tests.eligibility.signing_in import sign_in_context
from tests.waiting_room import witnesses
from tests.waiting_room.scene import (
    call,
    join,
    make_drawn_room,
    make_room,
    open_doors,
    tick,
)
from waiting_room.models import Board, Room
from waiting_room.now_cache import NowCache
from waiting_room.services import entering, rooms
from waiting_room.services.asking_witnesses import ask_witnesses

MOST_ON_THE_WIRE = 15_000
AFTERWARDS = ("/static/jari/booking.css", "/static/jari/more.css")
LATER = "const Real = Date; Date = class extends Real { constructor(...a) { a.length ? super(...a)"
LATER += " : super(Real.now() + 86400000) } static now() { return Real.now() + 86400000 } };"
# How many polls are to come, and the most that ever were.
COUNT_POLLS = """
const [set, clear] = [setTimeout, clearTimeout];
window.polls = new Set(); window.most = 0;
window.setTimeout = (act, ...more) => {
    const id = set(() => { polls.delete(id); act(); }, ...more);
    if (act.name === "poll") polls.add(id);
    window.most = Math.max(most, polls.size);
    return id;
};
window.clearTimeout = (id) => { polls.delete(id); clear(id); };
"""


@pytest.fixture(autouse=True)
def fresh_board(monkeypatch):
    board = NowCache()
    monkeypatch.setattr("waiting_room.now_cache.documents", board)
    monkeypatch.setattr("waiting_room.views.documents", board)
    monkeypatch.setattr("waiting_room.now_cache.FRESH_SECONDS", 0.1)


@pytest.fixture
def waiting(context, live_server):
    """Open a ticket's page as its person does; fails on any error in the console."""

    def open_page(ticket, context=context):
        sign_in_context(context, live_server.url, ticket.person_id)
        page = context.new_page()
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(f"{live_server.url}/queue/t/{ticket.pk}/")
        return page

    return open_page


def publish(room, **more):
    """Tick, and have the pages ask again at once."""
    room = tick(room)
    document = room.board.document | {"poll_seconds": 0.2, "polls": [[0, 0.2]]} | more
    Board.objects.filter(room=room).update(document=document)
    return room


def test_the_number_falls_and_the_turn_comes_without_a_reload(waiting):
    room = make_room(max_active=1, max_per_minute=1)
    tickets = [join(room) for _ in range(6)]
    publish(room)
    page = waiting(tickets[4])
    page.evaluate("window.sameDocument = true")
    expect(page.locator("#ahead")).to_have_text("4")

    call(room, 2)
    publish(room)
    expect(page.locator("#ahead")).to_have_text("2")
    page.mouse.wheel(0, 10_000)
    expect(page.locator("footer")).to_be_in_viewport()
    call(room, 5)
    publish(room)

    # Back to the top, where the button is: nobody is called below the edge of the screen.
    expect(page.get_by_role("heading", name="차례가 되었습니다")).to_be_in_viewport()
    expect(page.locator("[data-until-turn]:visible")).to_have_count(0)
    expect(page.get_by_role("button", name="들어가서 예약하기")).to_be_focused()
    expect(page).to_have_title(re.compile("^●"))
    expect(page.locator("#live")).to_have_text("차례가 되었습니다")
    assert page.evaluate("window.sameDocument") is True
    assert page.errors == []


def test_a_turn_behind_another_tab_is_a_notification_where_it_was_allowed(waiting, context):
    context.grant_permissions(["notifications"])
    room = make_room(max_active=1, max_per_minute=1)
    tickets = [join(room) for _ in range(3)]
    publish(room)
    page = waiting(tickets[2])
    page.evaluate("navigator.serviceWorker.ready")
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true })")

    call(room, 3)
    publish(room)

    shown = page.evaluate("""async () => {
        const worker = await navigator.serviceWorker.ready;
        for (let tries = 0; tries < 100; tries += 1) {
            const [note] = await worker.getNotifications();
            if (note) return [note.title, note.data];
            await new Promise((go) => setTimeout(go, 100));
        }
    }""")
    assert shown == ["차례가 되었습니다", page.url]
    assert page.errors == []


def test_a_pause_is_said_in_english_to_readers_of_other_languages(waiting, browser):
    room = make_room(max_active=1, max_per_minute=1)
    tickets = [join(room) for _ in range(3)]
    publish(room)
    context = browser.new_context(locale="vi")
    page = waiting(tickets[2], context)

    rooms.pause_room(room=room, message_ko="서버 점검", message_en="Maintenance", by="staff:1")
    publish(room)

    expect(page.locator("#pause-message")).to_have_text("Maintenance")
    context.close()


def test_the_place_after_the_draw_is_worked_out_in_the_browser(waiting):
    room = make_drawn_room(max_active=1, max_per_minute=1)
    tickets = [join(room) for _ in range(30)]
    publish(room)
    page = waiting(tickets[11])
    page.evaluate("window.sameDocument = true")
    expect(page.get_by_role("heading", name="줄을 서셨습니다")).to_be_visible()

    room = open_doors(room)
    publish(room)

    place = room.place_of(tickets[11].entry)
    if place > room.line.serving:
        expect(page.locator("#place")).to_have_text(str(place))
    else:
        expect(page.get_by_role("heading", name="차례가 되었습니다")).to_be_visible()
    assert page.evaluate("window.sameDocument") is True
    assert page.errors == []


def test_a_browser_whose_clock_is_a_day_ahead_shows_the_servers_countdown(waiting, context):
    room = make_drawn_room()
    ticket = join(room)
    publish(room)
    context.add_init_script(LATER)

    page = waiting(ticket)

    countdown = page.locator("#countdown")
    expect(countdown).to_be_visible()
    minutes = int(countdown.text_content().split(":")[0])
    assert 58 <= minutes <= 60
    assert page.evaluate("Date.now()") > 86_000_000


def test_a_connection_that_drops_and_comes_back_keeps_the_place(waiting, context):
    room = make_room(max_active=1, max_per_minute=1)
    tickets = [join(room) for _ in range(4)]
    publish(room)
    page = waiting(tickets[3])
    before = page.locator("#place").text_content()

    context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#live")).to_contain_text("연결")
    context.set_offline(False)

    expect(page.locator("#offline")).to_be_hidden()
    assert page.locator("#place").text_content() == before
    assert page.errors == []


def test_one_poll_is_to_come_whatever_the_tab_does(waiting, context):
    context.add_init_script(COUNT_POLLS)
    room = make_room(max_active=1, max_per_minute=1)
    ticket = [join(room) for _ in range(4)][3]
    publish(room)
    page = waiting(ticket)
    page.wait_for_function("() => polls.size === 1")

    page.evaluate("""() => { for (let turn = 0; turn < 20; turn += 1) {
        dispatchEvent(new Event("online"));
        document.dispatchEvent(new Event("visibilitychange"));
    } }""")
    for _ in range(3):
        with page.expect_response("**/now.json"):
            pass

    page.wait_for_function("() => polls.size === 1")
    assert page.evaluate("most") == 1


def test_a_pause_and_a_tick_that_stays_away_are_said(waiting):
    room = make_room(max_active=1, max_per_minute=1)
    tickets = [join(room) for _ in range(4)]
    publish(room)
    page = waiting(tickets[3])
    expect(page.locator("#paused")).to_be_hidden()

    rooms.pause_room(room=room, message_ko="서버 점검", message_en="Maintenance", by="staff:1")
    publish(room)
    expect(page.locator("#paused")).to_contain_text("서버 점검")
    expect(page.locator("#live")).to_contain_text("줄을 잠시 멈추었습니다")
    rooms.resume_room(room=room, by="staff:1")
    publish(room, time="2021-07-12T00:00:00.000+09:00")

    expect(page.locator("#still")).to_be_visible()
    expect(page.locator("#live")).to_contain_text("지금 줄이 움직이지 않습니다")
    expect(page.locator("#wait")).to_have_text("줄이 멈춰 있어 지금은 알 수 없습니다.")
    expect(page.locator("#paused")).to_be_hidden()


def test_the_wait_for_the_witnesses_is_said_and_its_end(waiting, settings, tmp_path):
    settings.HOME, settings.PUBLIC_URL = tmp_path, f"https://{witnesses.HOST}"
    keys = witnesses.portal_key(*settings.LOG_KEYS)
    with witnesses.running("city", tmp_path, keys) as (city, _program):
        settings.WITNESSES, settings.WITNESS_QUORUM = (city,), 1
        opens_at = timezone.now() + timedelta(hours=1)
        room = make_room(order=Order.DRAW, opens_at=opens_at, max_active=1, max_per_minute=1)
        Room.objects.filter(pk=room.pk).update(
            joins_from=timezone.now() - timedelta(minutes=1), draw_after=0
        )
        tickets = [join(Room.objects.get(pk=room.pk)) for _ in range(4)]
        publish(room)
        page = waiting(tickets[3])
        notice = page.locator("#witnessing")
        expect(notice).to_be_hidden()

        Cohort.objects.filter(pk=room.cohort_id).update(
            opens_at=timezone.now() - timedelta(seconds=1)
        )
        room = publish(room)

        until = room.board.document["witnessing"]["until"][11:19]
        expect(notice).to_contain_text("참관 기관의 서명을 기다리고 있습니다")
        expect(notice).to_contain_text(until)
        expect(page.locator("#drawing")).to_be_hidden()  # the number is there, they are not
        expect(page.locator("#live")).to_have_text(
            "참관 기관의 서명을 기다리고 있습니다. 순서는 그대로입니다."
        )
        ask_witnesses()
        publish(room)

        expect(notice).to_be_hidden()
        assert page.errors == []


def test_whoever_is_at_the_door_goes_in_by_themselves(waiting, live_server):
    room = make_room(max_active=1)
    first, second = join(room), join(room)
    call(room, 2)
    admission = entering.enter(ticket=first)
    publish(room)
    page = waiting(second)
    page.get_by_role("button", name="들어가서 예약하기").click()
    expect(page.locator("#door")).to_be_visible()

    entering.end_admission(admission=admission, ending="booked")

    page.wait_for_url(f"{live_server.url}/booking/")


def test_without_script_everything_still_works(browser, waiting, live_server):
    room = make_room(max_active=10, max_per_minute=1)
    tickets = [join(room) for _ in range(2)]
    plain = browser.new_context(java_script_enabled=False, locale="ko-KR")
    page = waiting(tickets[1], plain)
    assert page.locator("noscript meta[http-equiv=refresh]").count() or (
        'http-equiv="refresh"' in page.content()
    )

    call(room, 2)
    page.reload()
    page.get_by_role("button", name="들어가서 예약하기").click()

    assert page.url == f"{live_server.url}/booking/"
    plain.close()


def test_the_first_view_is_under_fifteen_kilobytes_on_the_wire(waiting, browser, live_server):
    """The page as it is sent, its style and scripts as production sends them (brotli)."""
    room = make_room(max_active=1, max_per_minute=1)
    tickets = [join(room) for _ in range(3)]
    publish(room)
    seen = []
    context = browser.new_context(locale="ko", service_workers="block")  # it comes after the page
    page = waiting(tickets[2], context)
    page.on("response", lambda response: seen.append(response))
    page.reload()
    page.wait_for_timeout(500)

    parts = {}  # each once: what the first load asked for late may come again
    for response in seen:
        path = response.url.removeprefix(live_server.url)
        # The font is used when it is there; the rest is fetched when the page is shown.
        if path.endswith(".woff2") or path in AFTERWARDS:
            continue
        size = int(response.headers.get("content-length", 0))
        if path.startswith("/static/"):
            file = Path(django_settings.BASE_DIR) / path[1:]
            size = len(brotli.compress(file.read_bytes()))
        parts[path] = size + 300  # headers
    total = sum(parts.values())
    context.close()
    assert any(path.endswith(".css") for path in parts)
    assert any(path.endswith("waiting.js") for path in parts)
    assert total < MOST_ON_THE_WIRE, parts
    print(total, parts)  # noqa: T201
