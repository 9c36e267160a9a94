"""The proof that a person saves: of a log that counts, or a page that says why there is none."""

import pytest

from tests.markup import flat
from tests.waiting_room.scene import join, make_room, tick
from tests.waiting_room.test_pages import browser
from tests.waiting_room.test_witnessed import ask_now
from waiting_room.models import Room, Ticket
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.proofs import Proof

pytestmark = pytest.mark.django_db


def proof_page(ticket: Ticket, size: int | None = None, name: str = "ticket.tlog-proof"):
    query = "" if size is None else f"?size={size}"
    return browser(ticket.person).get(f"/queue/t/{ticket.pk}/{name}{query}")


def checkpoint_in(answer) -> tuple[int, int]:
    """Size of the log that is proven, and how many cosigned it."""
    assert answer.status_code == 200, answer.content.decode()
    note = Proof.parse(answer.content.decode()).checkpoint
    return Checkpoint.of(note).size, len(note.signatures) - 1


def newest(room: Room) -> int:
    return room.pages.order_by("-number")[0].number


def test_the_proof_is_of_the_newest_log_that_has_its_quorum(start):
    start("city", "newspaper", quorum=2)
    room = make_room()
    ticket = join(room)
    tick(room)
    ask_now()
    cosigned = newest(room)
    join(room)
    tick(room)

    assert newest(room) > cosigned
    assert checkpoint_in(proof_page(ticket)) == (cosigned, 2)
    assert checkpoint_in(proof_page(ticket, newest(room))) == (newest(room), 0)


def test_a_log_that_one_of_two_cosigned_is_passed_over(start):
    city, _newspaper = start("city", "newspaper", quorum=2)
    room = make_room()
    ticket = join(room)
    tick(room)
    ask_now()
    both = newest(room)
    city.keys.clear()
    join(room)
    tick(room)
    ask_now()

    assert checkpoint_in(proof_page(ticket)) == (both, 2)


def test_while_too_few_have_cosigned_the_page_says_so_and_offers_what_there_is(start):
    city, _newspaper = start("city", "newspaper", quorum=2)
    city.keys.clear()
    room = make_room()
    ticket = join(room)
    tick(room)
    ask_now()

    answer = proof_page(ticket)

    text = flat(answer)
    assert (answer.status_code, answer.headers["Retry-After"]) == (404, "5")
    assert "the signatures of witnesses: 1 of 2 are there so far" in text
    assert f"ticket.tlog-proof?size={newest(room)}" in answer.content.decode()
    assert checkpoint_in(proof_page(ticket, newest(room))) == (newest(room), 1)


def test_a_line_that_waits_for_no_witness_proves_its_log_as_it_stands(start):
    start("city", quorum=0)
    room = make_room()
    ticket = join(room)
    tick(room)
    assert checkpoint_in(proof_page(ticket)) == (newest(room), 0)
    ask_now()
    cosigned = newest(room)
    join(room)
    tick(room)

    assert checkpoint_in(proof_page(ticket)) == (cosigned, 1)


@pytest.mark.parametrize("name", ["ticket.tlog-proof", "proof.json"])
def test_not_in_the_log_yet_is_told_from_signed_out(name):
    ticket = join(make_room())

    early = proof_page(ticket, name=name)
    signed_out = browser().get(f"/queue/t/{ticket.pk}/{name}")

    assert (early.status_code, early.headers["Retry-After"]) == (404, "5")
    assert "your ticket is not in the public log yet" in flat(early)
    assert '<meta http-equiv="refresh" content="5">' in early.content.decode()
    assert signed_out.status_code == 403
    assert "This device does not know whose place it is" in flat(signed_out)
    assert f"next=/queue/t/{ticket.pk}/{name}" in signed_out.content.decode()

    tick(ticket.room)
    assert proof_page(ticket, name=name).status_code == 200


def test_a_size_without_the_ticket_is_not_yet_and_one_that_is_no_number_is_nothing():
    room = make_room()
    first = newest(room)
    ticket = join(room)
    tick(room)

    assert "not in the public log yet" in flat(proof_page(ticket, first))
    assert "Retry-After" not in browser(ticket.person).get(
        f"/queue/t/{ticket.pk}/ticket.tlog-proof?size=x"
    )
