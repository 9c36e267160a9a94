"""The offline verifier: a log as it should be, and every way we could think of to cheat."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from waiting_room import draw, merkle, public_log
from waiting_room.offline import verify_line
from waiting_room.offline.verify_line import Unreadable, check, rows_of

OPENS = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
LATER = OPENS + timedelta(minutes=10)
KEPT_SECRET = bytes(range(32))
LATE = 60  # tickets that came after the opening


def ticket_id(entry):
    return UUID(int=entry)


def hash_of(entry):
    return public_log.ticket_hash(ticket_id(entry))


class Book:
    """Writes a log as the portal does, page by page."""

    def __init__(self, order="draw", planned=True):
        self.order, self.planned = order, planned
        self.stored: dict[int, bytes] = {}
        self.roots = [merkle.EMPTY_ROOT.hex()]
        self.pages: list[tuple[public_log.Page, list[tuple[int, datetime, str]], list[bytes]]] = []
        self.upto = self.acts = 0
        self.head: dict = {"commitment": draw.commitment(KEPT_SECRET)} if order == "draw" else {}
        self.seed = b""
        self.opens = OPENS

    def page(self, upto, *acts, at=OPENS, skip=()):
        room = "seoul-60s"
        if self.planned and not self.pages:
            acts = (
                ("plan", {"opens_at": public_log.microseconds(OPENS), "order": self.order}),
                *acts,
            )
        tickets = [
            (entry, OPENS - timedelta(hours=1) + timedelta(seconds=entry), hash_of(entry))
            for entry in range(self.upto + 1, upto + 1)
            if entry not in skip
        ]
        leaves = []
        for act, details in acts:
            self.acts += 1
            leaves.append(public_log.leaf_for_act(room, self.acts, act, at, **details))
        page = public_log.make_page(
            room=room, number=len(self.roots), previous=self.roots[-1], after=self.upto, upto=upto,
            ticket_leaves=[public_log.leaf_for_ticket(room, *ticket) for ticket in tickets],
            act_leaves=leaves, at=at,
        )  # fmt: skip
        self.stored[page.number], root = public_log.append(page, self.read)
        self.roots.append(root)
        self.pages.append((page, tickets, leaves))
        self.upto = upto
        return self

    def read(self, numbers):
        return {number: self.stored[number] for number in numbers}

    def draw(self, public_value="1등 3, 7, 19"):
        digest = bytes.fromhex(self.roots[-1])
        self.seed = draw.seed_from(KEPT_SECRET, digest, public_value)
        self.head |= {
            "frozen": self.upto, "list_digest": digest.hex(), "secret": KEPT_SECRET.hex(),
            "public_value": public_value, "seed": self.seed.hex(),
        }  # fmt: skip
        frozen = ("freeze", {"count": self.upto, "digest": digest.hex()})
        revealed = {key: self.head[key] for key in ("secret", "public_value", "seed")}
        return self.page(self.upto, frozen, ("reveal", revealed))

    def place(self, entry):
        if not self.seed:
            return entry if self.order == "fifo" else None
        return draw.number_for_entry(entry, self.head["frozen"], self.seed)

    def csv(self):
        text = public_log.csv_head(
            room="seoul-60s",
            order=self.order,
            opens_at=public_log.microseconds(self.opens),
            **self.head,
        )
        for page, tickets, acts in self.pages:
            text += public_log.csv_page(page)
            for entry, joined_at, digest in tickets:
                text += public_log.csv_ticket(entry, joined_at, digest, self.place(entry))
            text += "".join(public_log.csv_act(act) for act in acts)
        return text + public_log.csv_root(len(self.pages), OPENS, self.roots[-1])


def a_day():
    """A hundred people gather, with a number missing; a draw, calls, a pause, latecomers."""
    book = Book()
    book.page(
        40, ("commit", {"commitment": book.head["commitment"]}), at=OPENS - timedelta(hours=1)
    )
    book.page(100, at=OPENS - timedelta(minutes=1), skip=(77,)).draw()
    book.page(100, ("call", {"first": 1, "last": 20}))
    book.page(
        100 + LATE, ("call", {"first": 21, "last": 30}), ("pause", {"ko": "점검", "en": "Check"})
    )
    book.page(100 + LATE, ("resume", {}), ("call", {"first": 31, "last": 31}), ("pace", {"n": 3}))
    return book.page(100 + LATE, ("call", {"first": 32, "last": 160}), ("close", {}))


DAY = a_day()
TEXT = DAY.csv()


def report_on(text, **options):
    return check(rows_of(text.splitlines(keepends=True)), **options)


def troubles(text):
    return [what for _, what in report_on(text).troubles]


def test_an_honest_log_is_in_order():
    report = report_on(TEXT, ticket=hash_of(5))

    assert report.troubles == []
    assert (report.pages, report.tickets, report.acts, report.called) == (7, 159, 12, 160)
    assert report.root == DAY.roots[-1]
    assert list(report.roots) == DAY.roots
    assert report.ticket["entry"] == 5
    assert report.ticket["place"] == DAY.place(5)


def test_an_honest_log_is_in_order_at_every_moment():
    for pages in range(len(DAY.pages)):
        book = a_day()
        book.pages, book.roots = book.pages[:pages], book.roots[: pages + 1]
        if pages < 3:
            book.head = {"commitment": book.head["commitment"]} if pages else {}
            book.seed = b""

        assert troubles(book.csv()) == []


def test_a_room_without_a_draw_is_in_order():
    book = Book(order="fifo").page(50).page(80, ("call", {"first": 1, "last": 12}))

    report = report_on(book.csv(), ticket=hash_of(9))

    assert report.troubles == []
    assert report.ticket["place"] == 9


def lines_of(text):
    return text.splitlines(keepends=True)


def line_of(entry, text=TEXT):
    return next(n for n, line in enumerate(lines_of(text)) if line.startswith(f"ticket,{entry},"))


def changed(*changes: tuple[int, Callable[[str], str]]):
    lines = lines_of(TEXT)
    for number, change in changes:
        lines[number] = change(lines[number])
    return "".join(lines)


def swapped_lines():
    lines = lines_of(TEXT)
    first, second = line_of(10), line_of(30)
    lines[first], lines[second] = lines[second], lines[first]
    return "".join(lines)


def swapped_people():
    return changed(
        (line_of(10), lambda line: line.replace(hash_of(10), hash_of(30))),
        (line_of(30), lambda line: line.replace(hash_of(30), hash_of(10))),
    )


def swapped_across_pages():
    return changed(
        (line_of(10), lambda line: line.replace(hash_of(10), hash_of(60))),
        (line_of(60), lambda line: line.replace(hash_of(60), hash_of(10))),
    )


def inserted():
    return changed(
        (
            line_of(78),
            lambda line: public_log.csv_ticket(77, OPENS, hash_of(999), DAY.place(77)) + line,
        )
    )


def inserted_twice():
    return changed((line_of(50), lambda line: line * 2))


def removed():
    return changed((line_of(50), lambda line: ""))


def renumbered():
    return changed((line_of(78), lambda line: line.replace("ticket,78,", "ticket,77,")))


def moved_to_the_front():
    lines = lines_of(TEXT)
    lines.insert(line_of(1), lines.pop(line_of(90)).replace("ticket,90,", "ticket,0,"))
    return "".join(lines)


def backdated():
    return changed((line_of(50), lambda line: line.replace(",17", ",16")))


def page_removed():
    lines = lines_of(TEXT)
    start, end = (n for n, line in enumerate(lines) if line.startswith(("page,2,", "page,3,")))
    return "".join(lines[:start] + lines[end:])


def cut_off():
    return "".join(lines_of(TEXT)[:-1])


def cut_in_the_middle():
    return "".join(lines_of(TEXT)[: line_of(50)])


def other_root():
    return TEXT.replace(DAY.roots[-1], "ab" * 32)


def other_place():
    return changed((line_of(50), lambda line: line[: line.rindex(",")] + ",1\n"))


def call_removed():
    lines = lines_of(TEXT)
    return "".join(line for line in lines if '""first"":21' not in line)


def other_opening():
    return TEXT.replace(
        f"opens,,{public_log.microseconds(OPENS)},", f"opens,,{public_log.microseconds(LATER)},"
    )


def other_opening_everywhere():
    return TEXT.replace(str(public_log.microseconds(OPENS)), str(public_log.microseconds(LATER)))


def other_order():
    return TEXT.replace("order,,,,draw", "order,,,,fifo")


def other_secret():
    return TEXT.replace(KEPT_SECRET.hex(), "ff" * 32)


@pytest.mark.parametrize(
    ("tampered", "finding"),
    [
        (swapped_lines, "tickets were swapped, or one was put in"),
        (swapped_people, "page 1 are not those that were recorded"),
        (swapped_across_pages, "page 2 are not those that were recorded"),
        (inserted, "recorded with 59 tickets and has 60: 1 put in since"),
        (inserted_twice, "stands here once more"),
        (removed, "recorded with 59 tickets and has 58: 1 taken out since"),
        (renumbered, "page 2 are not those that were recorded"),
        (moved_to_the_front, "it was put in or given another number"),
        (backdated, "page 2 are not those that were recorded"),
        (page_removed, "a page is missing"),
        (cut_off, "it is cut off"),
        (cut_in_the_middle, "it is cut off"),
        (other_root, "is not the one that these pages lead to"),
        (other_place, "Entry 50 is said to have place 1"),
        (call_removed, "Places 21 to 30 were passed over"),
        (other_opening, f"“opens” is not what the log recorded: {public_log.microseconds(OPENS)}."),
        (other_opening_everywhere, "page 1 are not those that were recorded"),
        (other_order, "“order” is not what the log recorded: draw."),
        (other_secret, "The secret is not the one that was committed to before."),
    ],
)
def test_tampering_with_the_log_is_found(tampered, finding):
    text = tampered()

    assert text != TEXT
    assert any(finding in what for what in troubles(text)), troubles(text)


def outside_the_log(position):
    """The time of the last line is said, not recorded."""
    line = TEXT[TEXT.rfind("\n", 0, position) + 1 :].split("\n", 1)[0]
    return line.startswith("root,")


@given(position=st.integers(0, len(TEXT) - 1), letter=st.sampled_from("0123456789abcdefx,\n"))
def test_no_letter_of_the_log_can_be_changed_taken_out_or_put_in_unseen(position, letter):
    assume(letter not in TEXT[position - 1 : position + 1] and not outside_the_log(position))

    for text in (
        TEXT[:position] + letter + TEXT[position + 1 :],
        TEXT[:position] + TEXT[position + 1 :],
        TEXT[:position] + letter + TEXT[position:],
    ):
        with suppress(Unreadable):
            assert troubles(text)


# A portal that lies from the start writes a log whose hashes fit; the acts must give it away.


def lying(*pages):
    book = a_day()
    book.pages.pop()
    book.roots.pop()
    book.acts -= 2
    for acts in pages:
        book.page(100 + LATE, *acts)
    return troubles(book.csv())


@pytest.mark.parametrize(
    ("acts", "finding"),
    [
        ([("call", {"first": 40, "last": 50})], "Places 32 to 39 were passed over"),
        ([("call", {"first": 20, "last": 40})], "Place 20 was called again; 31 had been reached"),
        ([("call", {"first": 32, "last": 161})], "Place 161 was called before anybody"),
        ([("call", {"first": 32, "last": 31})], "A call goes backwards, from place 32 to 31"),
        (
            [("pause", {}), ("call", {"first": 32, "last": 40})],
            "Places 32 to 40 were called during a pause",
        ),
        ([("close", {}), ("call", {"first": 32, "last": 40})], "after the room had been closed"),
        ([("freeze", {"count": 160, "digest": "00" * 32})], "The list was closed a second time"),
        (
            [("reveal", {"secret": "00" * 32, "public_value": "", "seed": "00" * 32})],
            "The draw was revealed a second time",
        ),
        ([("commit", {"commitment": "00" * 32})], "recorded only after the list was closed"),
        (
            [("plan", {"opens_at": public_log.microseconds(OPENS), "order": "draw"})],
            "Opening or order were changed after the line had begun to move",
        ),
    ],
)
def test_acts_out_of_turn_are_found(acts, finding):
    assert any(finding in what for what in lying(acts)), lying(acts)


def test_a_call_before_the_opening_or_before_the_draw_is_found():
    book = Book().page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}))
    book.page(40, ("call", {"first": 1, "last": 2}), at=OPENS - timedelta(seconds=1))

    assert troubles(book.csv()) == [
        "Places 1 to 2 were called before the draw.",
        "Places 1 to 2 were called at 2026-11-22 19:59:59, before the opening at "
        "2026-11-22 20:00:00.",
    ]


def test_an_opening_that_was_moved_before_it_came_is_in_order_and_said():
    book = Book().page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}))
    book.page(60, ("plan", {"opens_at": public_log.microseconds(LATER), "order": "draw"}))
    book.opens = LATER

    report = report_on(book.csv())

    assert report.troubles == []
    assert (
        "On 2026-11-22 20:00:00 the opening was set anew, to 2026-11-22 20:10:00." in report.notes
    )


def test_an_opening_that_was_never_recorded_is_found():
    book = Book(planned=False).page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}))

    assert troubles(book.csv()) == ["When the doors open was never recorded in the log."]


def test_a_secret_chosen_after_the_list_was_known_is_found():
    book = Book()
    book.head["commitment"] = draw.commitment(bytes(32))
    book.page(40, ("commit", {"commitment": book.head["commitment"]})).draw()

    assert troubles(book.csv()) == ["The secret is not the one that was committed to before."]


def test_a_seed_made_in_another_way_is_found():
    book = Book().page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}))
    book.draw()
    page = book.pages.pop()
    book.roots.pop()
    book.acts -= 2
    acts = [json.loads(leaf) for leaf in page[2]]
    book.head["seed"] = "11" * 32
    book.seed = bytes.fromhex("11" * 32)
    reveal = {"secret": acts[1]["secret"], "public_value": acts[1]["public_value"]}
    book.page(
        40,
        ("freeze", {"count": 40, "digest": acts[0]["digest"]}),
        ("reveal", {**reveal, "seed": "11" * 32}),
    )

    assert troubles(book.csv()) == [
        "The seed does not follow from the secret, the list and the public value."
    ]


def test_a_list_closed_at_another_entry_is_found():
    book = Book().page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}))
    book.page(40, ("freeze", {"count": 39, "digest": "00" * 32}))
    book.head |= {"frozen": 39, "list_digest": "00" * 32}

    assert troubles(book.csv()) == [
        "The list was closed at entry 39, but at that time it went to 40.",
        "The digest of the closed list is not the log's root at that time.",
    ]


def test_a_rewritten_log_is_found_by_a_root_and_by_a_proof_kept_from_before():
    page, tickets, acts = DAY.pages[1]
    leaves = [public_log.leaf_for_ticket("seoul-60s", *ticket) for ticket in tickets] + acts
    proof = public_log.prove(page=page, leaves=leaves, index=3, size=4, read=DAY.read)
    rewritten = Book()
    rewritten.page(40, ("commit", {"commitment": rewritten.head["commitment"]}))
    rewritten.page(100, skip=(44,)).draw()

    honest, lie = report_on(TEXT), report_on(rewritten.csv(), ticket=hash_of(44))
    for report in (honest, lie):
        verify_line.check_root(report, DAY.roots[4])
        verify_line.check_proof(report, proof)
    verify_line.check_ticket(lie, hash_of(44), None)

    assert honest.is_good
    assert honest.notes == [
        "The root you gave was that of the log when it had 4 pages.",
        "The proof holds, and its root is in the history of this log.",
    ]
    assert [what for _, what in lie.troubles] == [
        f"The root {DAY.roots[4]} was never that of this log: the log was rewritten since.",
        "The proof is right in itself, but its root was never that of this log.",
        f"The ticket {hash_of(44)} is not in the log.",
    ]


@pytest.mark.parametrize("key", ["leaf", "page", "index", "size", "root", "page_path", "log_path"])
def test_a_proof_that_does_not_hold_is_found(key):
    page, tickets, acts = DAY.pages[1]
    leaves = [public_log.leaf_for_ticket("seoul-60s", *ticket) for ticket in tickets] + acts
    proof = public_log.prove(page=page, leaves=leaves, index=3, size=4, read=DAY.read)
    other = {"index": 4, "size": 1, "page_path": [], "log_path": []}

    report = report_on(TEXT)
    verify_line.check_proof(report, proof | {key: other.get(key, proof["root"][::-1])})

    assert not report.is_good


def run(*arguments):
    """As somebody outside runs it: the file alone, without this project on the path."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", verify_line.__file__, *map(str, arguments)],
        capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_the_command_says_what_it_found_and_answers_with_its_exit_code(tmp_path):
    good, bad, other = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "other.csv"
    good.write_text(TEXT, encoding="utf-8")
    bad.write_text(removed(), encoding="utf-8-sig")
    other.write_text("name,date\n", encoding="utf-8")
    place = DAY.place(12)

    code, said = run(good, "--ticket", hash_of(12), "--place", place, "--root", DAY.roots[2])
    assert (code, said.splitlines()[-1]) == (0, "Everything is in order.")
    assert f"Its place is {place}, which has been called." in said
    assert run(good, "--ticket", hash_of(12), "--place", place + 1)[0] == 1
    code, said = run(bad)
    assert code == 1
    assert "\nline 54: Page 2 was recorded with 59 tickets and has 58: 1 taken out since." in said
    assert run(other) == (2, "This is no log of a line: its first two lines are others.\n")
    assert run(tmp_path / "none.csv")[0] == 2


def test_the_file_stands_alone():
    source = Path(verify_line.__file__).read_text(encoding="utf-8")

    imported = {
        line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))
    }
    assert imported - {"__future__", "collections.abc"} <= sys.stdlib_module_names


@pytest.mark.parametrize("count", [0, 1, 2, 3, 255, 256, 257, 1000])
def test_both_ways_to_the_places_agree_with_the_portal(count):
    places = verify_line.all_places(count, KEPT_SECRET)

    assert list(places) == list(draw.places(count, KEPT_SECRET))
    assert list(places) == [
        verify_line.place_of(entry, count, KEPT_SECRET) for entry in range(count)
    ]
