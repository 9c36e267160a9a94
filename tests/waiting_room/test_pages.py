import re
from datetime import date, timedelta
from uuid import UUID

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from eligibility.models import Cohort
from eligibility.sessions import sign_in
from tests.factories import PersonFactory
from tests.markup import flat
from tests.waiting_room.scene import (
    call,
    called,
    join,
    make_drawn_room,
    make_eligible,
    make_room,
    open_doors,
    run_out,
    tick,
)
from waiting_room import views
from waiting_room.models import Admission, Board, Ticket
from waiting_room.now_cache import NowCache
from waiting_room.services import entering, rooms
from waiting_room.services.resume_codes import code_keys
from web.codes import resume_code

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_board(monkeypatch):
    board = NowCache()
    monkeypatch.setattr("waiting_room.now_cache.documents", board)
    monkeypatch.setattr("waiting_room.views.documents", board)


def browser(person=None, language="en", **more) -> Client:
    client = Client(headers={"Accept-Language": language}, **more)
    if person:
        response = HttpResponse()
        sign_in(response, person_id=person.pk)
        client.cookies.update(response.cookies)
    return client


def page(client: Client, ticket: Ticket) -> str:
    response = client.get(f"/queue/t/{ticket.pk}/")
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def code_of(ticket: Ticket) -> str:
    return resume_code(ticket.pk, code_keys()[0])


def test_joining_leads_to_the_ticket_and_again_to_the_same():
    room = make_room()
    client = browser(make_eligible(room))

    first = client.post(f"/queue/{room.cohort.code}/join/")
    again = client.post(f"/queue/{room.cohort.code}/join/")

    ticket = Ticket.objects.get()
    assert first.status_code == again.status_code == 302
    assert first.url == again.url == f"/queue/t/{ticket.pk}/"


def test_joining_without_signing_in_leads_to_identity_and_back():
    room = make_room()

    response = browser().post(f"/queue/{room.cohort.code}/join/")

    assert response.url == "/identity/?next=%2Feligibility%2F"


def test_a_refused_join_says_why_and_what_to_do():
    room = make_room()
    young = PersonFactory(birth_date=date(1999, 1, 1))

    response = browser(young).post(f"/queue/{room.cohort.code}/join/")

    assert response.status_code == 403
    text = response.content.decode()
    assert "You can&#x27;t book with this group" in text
    assert 'href="/eligibility/"' in text


def test_the_ticket_page_tells_place_and_what_happens_when_away():
    room = make_room()
    for _ in range(4):
        join(room)
    ticket = join(room)
    call(room, 1)

    text = page(browser(ticket.person), ticket)

    assert "People ahead of you 3" in text
    assert "Your place 5" in text
    assert "Called up to 1" in text
    assert "You can close this page" in text
    assert "If you are away when your turn comes, nobody takes it" in text


def test_a_page_is_in_korean_where_no_language_is_asked_for():
    ticket = join(make_room())

    text = page(browser(ticket.person, language=""), ticket)

    assert "내 앞에 기다리는 사람 0" in text


def test_before_the_draw_the_page_shows_the_entry_number():
    ticket = join(make_drawn_room())

    text = page(browser(ticket.person), ticket)

    assert "Your entry number 1" in text
    assert "a draw gives a place" in text


def test_after_the_draw_the_page_shows_the_place():
    room = make_drawn_room()
    tickets = [join(room) for _ in range(5)]
    room = open_doors(room)

    for ticket in tickets:
        response = browser(ticket.person).get(f"/queue/t/{ticket.pk}/")
        assert f'data-place="{room.place_of(ticket.entry)}"' in response.content.decode()


def test_a_called_person_finds_the_way_in_and_gets_to_booking():
    ticket = called(make_room())
    client = browser(ticket.person)

    assert "It is your turn" in page(client, ticket)
    response = client.post(f"/queue/t/{ticket.pk}/enter/")

    assert response.url == "/booking/"
    assert client.get("/booking/").status_code == 200


def test_entering_too_early_says_so_and_the_place_is_kept():
    ticket = join(make_room())

    response = browser(ticket.person).post(f"/queue/t/{ticket.pk}/enter/")

    assert response.status_code == 409
    assert "It is not your turn yet. Your place is kept." in response.content.decode()


def test_at_the_door_the_page_goes_on_knocking():
    room = make_room(max_active=1)
    inside, waiting, behind = called(room), called(room), called(room)
    admission = entering.enter(ticket=inside)
    client = browser(waiting.person)
    assert client.post(f"/queue/t/{waiting.pk}/enter/").status_code == 409
    knock = waiting.door_wait.at

    assert "Every place inside is taken this moment" in page(client, waiting)
    waiting.door_wait.refresh_from_db()
    assert waiting.door_wait.at > knock
    entering.end_admission(admission=admission, ending="booked")
    assert browser(behind.person).post(f"/queue/t/{behind.pk}/enter/").status_code == 409
    assert client.post(f"/queue/t/{waiting.pk}/enter/").status_code == 302


def test_a_paused_room_says_so_with_the_operators_words():
    room = make_room()
    ticket = join(room)
    rooms.pause_room(room=room, message_ko="점검 중", message_en="Maintenance", by="staff:1")

    assert (
        "The line is paused Nobody is called during the pause. Your place is kept. Maintenance"
        in page(browser(ticket.person), ticket)
    )
    assert "순서는 그대로 유지됩니다. 점검 중" in page(
        browser(ticket.person, language="ko"), ticket
    )


def test_a_closed_room_says_where_to_go():
    room = make_room()
    ticket = join(room)
    rooms.close_room(room=room, by="staff:1")

    assert "This line is closed" in page(browser(ticket.person), ticket)


def test_time_that_ran_out_leads_back_in():
    ticket = called(make_room())
    run_out(entering.enter(ticket=ticket))
    client = browser(ticket.person)

    response = client.get("/booking/")

    assert response.status_code == 403
    assert f'action="/queue/t/{ticket.pk}/enter/"' in response.content.decode()
    client.post(f"/queue/t/{ticket.pk}/enter/")
    assert Admission.objects.filter(ended_at=None).count() == 1


def test_a_ticket_address_alone_shows_nothing_personal_and_can_do_nothing():
    room = make_room()
    ticket = called(room)

    for client in [browser(), browser(make_eligible(room))]:
        response = client.get(f"/queue/t/{ticket.pk}/")
        assert response.status_code == 403
        text = response.content.decode()
        assert "Is this your place in the line?" in text
        for secret in [code_of(ticket), ticket.person.name, 'data-place="', "data-entry"]:
            assert secret not in text
        assert client.get(f"/queue/t/{ticket.pk}/qr.svg").status_code == 404
        assert client.post(f"/queue/t/{ticket.pk}/enter/").status_code == 403
        assert client.post(f"/queue/t/{ticket.pk}/leave/").status_code == 403
    assert not Admission.objects.exists()


@pytest.mark.parametrize(
    "typed",
    [
        lambda code: code,
        lambda code: code.lower().replace("-", " "),
        lambda code: "".join(chr(ord(sign) + 0xFEE0) for sign in code.replace("-", "")),
        lambda code: code.replace("0", "O").replace("1", "l"),
    ],
)
def test_the_resume_code_finds_the_ticket_however_it_is_typed(typed):
    ticket = join(make_room())
    client = browser()

    response = client.post("/queue/resume/", {"code": typed(code_of(ticket))})

    assert response.url == f"/queue/t/{ticket.pk}/"
    assert "People ahead of you 0" in page(client, ticket)


def test_the_scanned_code_finds_the_ticket_and_leaves_the_address_bar():
    ticket = join(make_room())

    response = browser().get("/queue/resume/", {"code": code_of(ticket)})

    assert response.url == f"/queue/t/{ticket.pk}/"


def test_the_picture_holds_the_code_for_whoever_may_see_the_ticket():
    ticket = join(make_room())

    response = browser(ticket.person).get(f"/queue/t/{ticket.pk}/qr.svg")

    assert response.headers["Content-Type"] == "image/svg+xml"
    assert response.content.startswith(b"<?xml")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("ABC", "The code has 12 letters and digits"),
        ("ABCD-EFGH-JKM가", "There is a sign in it"),
        ("0000-0000-0001", "One letter or digit is mistyped"),
        ("0000-0000-0000", "There is no place with this code"),
    ],
)
def test_a_wrong_code_says_what_is_wrong_and_keeps_what_was_typed(typed, said):
    response = browser().post("/queue/resume/", {"code": typed})

    assert response.status_code == 422
    assert said in response.content.decode()
    assert f'value="{typed}"' in response.content.decode()


def test_the_resume_code_shows_the_place_but_lets_nobody_in_before_saying_who():
    ticket = called(make_room())
    client = browser()
    client.post("/queue/resume/", {"code": code_of(ticket)})

    assert "You will be asked who you are first" in page(client, ticket)
    response = client.post(f"/queue/t/{ticket.pk}/enter/")

    assert response.url.startswith("/identity/?next=%2Fqueue%2Ft%2F")
    assert not Admission.objects.exists()


def test_whoever_deleted_all_cookies_finds_the_same_ticket_by_signing_in():
    room = make_room()
    ticket = join(room)

    response = browser(ticket.person).post(f"/queue/{room.cohort.code}/join/")

    assert response.url == f"/queue/t/{ticket.pk}/"


def test_leaving_and_coming_back_is_the_same_place():
    room = make_room()
    ticket, _other = join(room), join(room)
    client = browser(ticket.person)

    client.post(f"/queue/t/{ticket.pk}/leave/")
    assert "You have left the line" in page(client, ticket)
    client.post(f"/queue/{room.cohort.code}/join/")

    assert "Your place 1" in page(client, ticket)


@pytest.mark.parametrize("address", ["queue/t/{}/leave/", "queue/t/{}/enter/"])
def test_an_address_that_only_takes_forms_leads_back_to_the_ticket(address):
    ticket = join(make_room())

    response = browser(ticket.person).get("/" + address.format(ticket.pk))

    assert (response.status_code, response.url) == (302, f"/queue/t/{ticket.pk}/")
    ticket.refresh_from_db()
    assert ticket.left_at is None


def test_without_script_too_the_page_says_that_the_line_stands_still():
    room = make_room(max_active=1, max_per_minute=1)
    ticket = [join(room) for _ in range(3)][-1]
    tick(room)

    def says_so():
        page = browser(ticket.person).get(f"/queue/t/{ticket.pk}/").content.decode()
        return 'id="still" hidden' not in page

    assert not says_so()
    room.refresh_from_db()
    document = room.board.document | {"time": "2021-07-12T00:00:00.000+09:00"}
    Board.objects.filter(room=room).update(document=document)
    views.documents.__init__()

    assert says_so()


def test_the_page_warns_when_there_may_not_be_enough():
    room = make_room()
    tickets = [join(room) for _ in range(5)]
    rooms.report_booking(room=room, left=3, booked=10)
    tick(room)

    def warned(ticket):
        response = browser(ticket.person).get(f"/queue/t/{ticket.pk}/")
        return 'id="not-enough" hidden' not in response.content.decode()

    room.line.refresh_from_db()
    waiting = [ticket for ticket in tickets if ticket.place > room.line.serving]
    assert [warned(ticket) for ticket in waiting] == [
        ticket.place - room.line.serving - 1 >= 3 for ticket in waiting
    ]


def test_without_script_the_page_refreshes_itself_more_often_near_the_front():
    room = make_room(max_active=1, max_per_minute=1)
    near = join(room)

    text = flat(browser(near.person).get(f"/queue/t/{near.pk}/"))

    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text


def test_the_ticket_page_takes_few_queries(django_assert_max_num_queries):
    ticket = join(make_room())
    client = browser(ticket.person)
    page(client, ticket)

    with django_assert_max_num_queries(2):
        page(client, ticket)


def test_unknown_tickets_and_rooms_are_not_found():
    for path in ["/queue/t/00000000-0000-4000-8000-000000000000/", "/queue/nothing-here/"]:
        assert browser().get(path).status_code == 404


def test_the_room_page_shows_how_the_line_stands():
    room = make_room()
    join(room)
    text = browser().get(f"/queue/{room.cohort.code}/").content.decode()

    assert "The line is moving." in text
    assert f'action="/queue/{room.cohort.code}/join/"' in text


def test_the_draw_page_shows_the_commitment_before_and_the_secret_after():
    room = make_drawn_room()
    join(room)
    before = browser().get(f"/queue/{room.cohort.code}/draw/").content.decode()
    room = open_doors(room)
    after = browser().get(f"/queue/{room.cohort.code}/draw/").content.decode()

    assert room.draw_commitment in before
    assert room.draw_secret not in before
    for shown in [room.draw_commitment, room.draw_secret, room.seed, room.list_digest]:
        assert shown in after


def test_a_line_that_opens_later_shows_when_one_may_join():
    room = make_drawn_room(joins_from=timezone.now() + timedelta(minutes=10))

    text = flat(browser().get(f"/queue/{room.cohort.code}/"))

    assert "You can't join this line yet." in text
    assert "join/" not in text


def test_the_end_of_the_window_closes_the_room():
    room = make_room()
    ticket = join(room)
    Cohort.objects.filter(pk=room.cohort_id).update(closes_at=timezone.now())

    assert "This line is closed" in page(browser(ticket.person), ticket)


def test_guessing_resume_codes_costs_work(clock):
    clock.freeze()  # within one window of the limit
    guesser, owner = browser(), browser()
    ticket = join(make_room())
    wrong = resume_code(UUID(int=5), code_keys()[0])

    tried = [
        guesser.post("/queue/resume/", {"code": wrong}, REMOTE_ADDR="8.8.3.3") for _ in range(23)
    ]
    right = {"code": resume_code(ticket.pk, code_keys()[0])}

    assert [bool(one.context["challenge"]) for one in tried] == [False] * 21 + [True] * 2
    assert guesser.post("/queue/resume/", right, REMOTE_ADDR="8.8.3.3").status_code == 422
    assert owner.post("/queue/resume/", right, REMOTE_ADDR="9.9.9.9").status_code == 302


def test_whoever_is_inside_takes_more_time():
    ticket = called(make_room())
    admission = entering.enter(ticket=ticket)
    Admission.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    client, address = browser(ticket.person), f"/queue/t/{ticket.pk}/more-time/"

    assert f'action="{address}"' in client.get(f"/queue/t/{ticket.pk}/").content.decode()
    assert client.get(address).url == client.post(address).url == f"/queue/t/{ticket.pk}/"
    assert browser(PersonFactory()).post(address).status_code == 403
    assert browser().post(address).status_code == 403
    admission.refresh_from_db()
    assert (admission.extensions, admission.ended_at) == (1, None)
    assert admission.expires_at > timezone.now() + timedelta(minutes=14)
    Admission.objects.update(extensions=entering.MOST_EXTENSIONS)
    refused = client.post(address)
    assert refused.status_code == 409
    assert "can’t be extended again" in refused.content.decode()
    assert f'action="{address}"' not in refused.content.decode()


def test_more_time_brings_nobody_back_whose_time_ran_out():
    ticket = called(make_room())
    run_out(entering.enter(ticket=ticket))

    refused = browser(ticket.person).post(f"/queue/t/{ticket.pk}/more-time/")

    assert refused.status_code == 409
    assert "Your time for booking has run out" in refused.content.decode()
    assert Admission.objects.get().extensions == 0
