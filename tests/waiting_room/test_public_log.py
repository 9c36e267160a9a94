import csv
import hashlib
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from waiting_room import merkle, public_log

START = datetime(2026, 11, 22, 9, 0, 0, 123456, tzinfo=UTC)
REVEALED = "ef"
SOMEBODY = UUID("0191f0e2-7b1c-7c3a-9c1d-1f2e3d4c5b6a")


def ticket_leaves(first, last):
    return [
        public_log.leaf_for_ticket(
            "seoul", n, START + timedelta(seconds=n), public_log.ticket_hash(UUID(int=n))
        )
        for n in range(first, last + 1)
    ]


def a_log(pages=5, tickets=7):
    stored: dict[int, bytes] = {}
    made, leaves, roots = [], [], [merkle.EMPTY_ROOT.hex()]
    for number in range(1, pages + 1):
        after = (number - 1) * tickets
        page_leaves = (
            ticket_leaves(after + 1, after + tickets),
            [
                public_log.leaf_for_act(
                    "seoul", number, public_log.CALL, START, first=number, last=number
                )
            ],
        )
        page = public_log.make_page(
            room="seoul", number=number, previous=roots[-1], after=after, upto=after + tickets,
            ticket_leaves=page_leaves[0], act_leaves=page_leaves[1], at=START,
        )  # fmt: skip
        stored[number], root = public_log.append(
            page, lambda wanted: {n: stored[n] for n in wanted}
        )
        made.append(page)
        leaves.append([*page_leaves[0], *page_leaves[1]])
        roots.append(root)
    return made, leaves, roots, lambda wanted: {n: stored[n] for n in wanted}


def test_leaves_are_as_documented():
    digest = public_log.ticket_hash(SOMEBODY)

    assert digest == hashlib.sha256(b"0191f0e2-7b1c-7c3a-9c1d-1f2e3d4c5b6a").hexdigest()
    assert public_log.leaf_for_ticket("seoul", 12, START, digest) == (
        f"ticket,seoul,12,1795338000123456,{digest}".encode()
    )
    assert public_log.leaf_for_act("서울", 3, public_log.CALL, START, first=1, last=20) == (
        '{"act":"call","at":1795338000123456,"first":1,"last":20,"number":3,"room":"서울"}'.encode()
    )


def test_a_fraction_in_an_act_is_refused():
    with pytest.raises(TypeError, match="whole number"):
        public_log.leaf_for_act("seoul", 1, "pace", START, per_minute=1.5)


def test_appending_page_by_page_gives_the_root_of_all_pages():
    pages, _, roots, _ = a_log(pages=23)

    assert roots[1:] == [public_log.root_of_pages(pages[:size]) for size in range(1, 24)]


@pytest.mark.parametrize("pages", [1, 2, 3, 8, 13])
def test_every_leaf_has_a_proof_that_holds(pages):
    made, leaves, roots, read = a_log(pages=pages)

    for page, page_leaves in zip(made, leaves, strict=True):
        for index, leaf in enumerate(page_leaves):
            proof = public_log.prove(
                page=page, leaves=page_leaves, index=index, size=pages, read=read
            )
            assert json.loads(json.dumps(proof)) == proof
            assert proof["leaf"] == leaf.decode()
            assert proof["root"] == roots[pages]
            assert public_log.verify(proof)


def test_a_tampered_proof_does_not_hold():
    made, leaves, _, read = a_log(pages=6)
    proof = public_log.prove(page=made[3], leaves=leaves[3], index=2, size=6, read=read)

    tampered = [
        proof | {"leaf": leaves[3][1].decode()},
        proof | {"index": 3},
        proof | {"page_path": proof["page_path"][1:]},
        proof | {"page": made[2].record().decode()},
        proof | {"page": proof["page"].replace('"number":4', '"number":5')},
        proof | {"size": 4},
        proof | {"log_path": proof["log_path"][::-1]},
        proof | {"root": "00" * 32},
    ]

    assert public_log.verify(proof)
    assert [public_log.verify(changed) for changed in tampered] == [False] * len(tampered)


def test_a_page_too_large_is_refused():
    with pytest.raises(ValueError, match="4096 tickets, not 4097"):
        public_log.make_page(
            room="seoul", number=1, previous="", after=0, upto=5000,
            ticket_leaves=ticket_leaves(1, 4097), act_leaves=[], at=START,
        )  # fmt: skip


def test_csv_lines_are_read_back_as_they_were():
    pages, _, roots, _ = a_log(pages=1)
    act = public_log.leaf_for_act("seoul", 1, public_log.PAUSE, START, message='점검, "곧"\n다시')

    text = (
        public_log.csv_head(room="seoul", order="draw", opens_at=public_log.microseconds(START),
                     commitment="ab", frozen=3,
                     list_digest="cd", inputs="beacon=3\nportal=7", seed="01")
        + public_log.csv_page(pages[0])
        + public_log.csv_ticket(5, START, "aa", 2)
        + public_log.csv_ticket(6, START, "bb")
        + public_log.csv_act(act)
        + public_log.csv_root(1, START, roots[1])
    )  # fmt: skip

    rows = list(csv.reader(text.splitlines(keepends=True), strict=True))
    assert {len(row) for row in rows} == {5}
    assert [row[0] for row in rows] == [
        "row", "jari-line", "room", "order", "opens", "commitment", "frozen", "inputs",
        "seed", "page", "ticket", "ticket", "act", "root",
    ]  # fmt: skip
    assert rows[7] == ["inputs", "", "", "", "beacon=3\nportal=7"]
    assert rows[9][4].encode() == pages[0].record()
    assert rows[10] == ["ticket", "5", str(public_log.microseconds(START)), "aa", "2"]
    assert rows[11][4] == ""
    assert rows[12][4].encode() == act
