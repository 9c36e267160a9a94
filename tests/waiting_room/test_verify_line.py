"""The offline verifier: a log as it should be, and every way we could think of to cheat."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from waiting_room import beacon, draw, merkle, public_log
from waiting_room.offline import verify_line
from waiting_room.offline.verify_line import Unreadable, check, rows_of
from waiting_room.tlog.notes import COSIGNATURE, Signer

# Six seconds before round 1000 of quicknet, whose signature is public:
# https://api.drand.sh/52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971/public/1000
ROUND = 1000
OPENS = beacon.time_of(ROUND) - timedelta(seconds=6)
SIGNATURE = (
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39"
)
NUMBER = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"
LATER = OPENS + timedelta(minutes=10)
JOINS_FROM = OPENS - timedelta(hours=1)
KEPT_SECRET = bytes(range(32))
PACE = {"max_active": 200, "max_per_minute": 60_000}
LATE = 60  # tickets that came after the opening


def ticket_id(entry):
    return UUID(int=entry)


def hash_of(entry):
    return public_log.ticket_hash(ticket_id(entry))


class Book:
    """Writes a log as the portal does, page by page."""

    def __init__(self, order="draw", planned=True, log_format=public_log.FORMAT, **plan):
        self.order, self.planned, self.format = order, planned, log_format
        rule = {"source": "drand", "after": 6, "chain": beacon.QUICKNET}
        self.rule = {**rule, **plan} if order == "draw" else {}
        self.stored: dict[int, bytes] = {}
        self.roots = [merkle.EMPTY_ROOT.hex()]
        self.pages: list[tuple[public_log.Page, list[tuple[int, datetime, str]], list[bytes]]] = []
        self.upto = self.acts = 0
        self.head: dict = {"commitment": draw.commitment(KEPT_SECRET)}
        self.seed = b""
        self.opens = OPENS
        self.pace: dict | None = PACE

    def page(self, upto, *acts, at=OPENS, skip=()):
        """`acts` are pairs of act and details, or with a time of their own as the third."""
        room = "seoul-60s"
        if not self.pages:
            # Of a draw, each test says for itself what was committed to.
            begun = [] if self.order == "draw" else [("commit", self.head)]
            planned = [("plan", self.plan(OPENS))] if self.planned else []
            paced = [("pace", self.pace)] if self.pace else []
            acts = (*begun, *planned, *paced, *acts)
        tickets = [
            (entry, self.joined(entry), hash_of(entry))
            for entry in range(self.upto + 1, upto + 1)
            if entry not in skip
        ]
        leaves = []
        for act, stated, *own_time in acts:
            self.acts += 1
            details = stated
            if act == "commit" and "by" not in stated and self.format > 2:
                details = {"format": self.format, **stated}
            is_first = act == "plan" and not self.pages
            moment = min(OPENS - timedelta(hours=2), at) if is_first else (own_time or [at])[0]
            leaves.append(public_log.leaf_for_act(room, self.acts, act, moment, **details))
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

    def joined(self, entry):
        """In the hour before the opening; once the list is closed, after it."""
        late = timedelta(hours=1) if self.head.get("frozen") else timedelta(0)
        return JOINS_FROM + late + timedelta(seconds=entry)

    def read(self, numbers):
        return {number: self.stored[number] for number in numbers}

    def plan(self, opens, **changes):
        opening = {"opens_at": public_log.microseconds(opens), "order": self.order}
        if self.format > 2:
            opening["joins_from"] = public_log.microseconds(JOINS_FROM)
        rule = {**opening, **self.rule, **changes}
        return {key: value for key, value in rule.items() if value is not None}

    def freeze(self, at=OPENS):
        self.head |= {"frozen": self.upto, "list_digest": self.roots[-1]}
        return self.page(
            self.upto, ("freeze", {"count": self.upto, "digest": self.roots[-1]}), at=at
        )

    def reveal(self, at=OPENS + timedelta(seconds=7), inputs=None, **details):
        inputs = draw.inputs_of(
            {"portal": KEPT_SECRET.hex(), **({"beacon": NUMBER} if inputs is None else inputs)}
        )
        self.seed = draw.seed_from(bytes.fromhex(self.head["list_digest"]), inputs)
        self.head |= {"inputs": inputs, "seed": self.seed.hex()}
        proof = {"source": "drand", "round": ROUND, "signature": SIGNATURE}
        revealed = {"inputs": inputs, "seed": self.seed.hex(), **proof, **details}
        return self.page(self.upto, ("reveal", revealed), at=at)

    def draw(self):
        return self.freeze().reveal()

    def place(self, entry):
        if not self.seed:
            return entry if self.order == "fifo" else None
        return draw.number_for_entry(entry, self.head["frozen"], self.seed)

    def csv(self):
        text = public_log.csv_head(
            room="seoul-60s",
            order=self.order,
            opens_at=public_log.microseconds(self.opens),
            log_format=self.format,
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
    book.page(100 + LATE, ("resume", {}), ("call", {"first": 31, "last": 31}), ("pace", PACE))
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
    assert (report.pages, report.tickets, report.acts, report.called) == (8, 159, 13, 160)
    assert report.root == DAY.roots[-1]
    assert list(report.roots) == DAY.roots
    assert report.ticket["entry"] == 5
    assert report.ticket["place"] == DAY.place(5)


def test_an_honest_log_is_in_order_at_every_moment():
    for pages in range(len(DAY.pages)):
        book = a_day()
        book.pages, book.roots = book.pages[:pages], book.roots[: pages + 1]
        if pages < 4:
            kept = ("commitment", "frozen", "list_digest") if pages == 3 else ("commitment",)
            book.head = {key: book.head[key] for key in kept} if pages else {}
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
    return changed((line_of(50), lambda line: line.replace(",169", ",168")))


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
        ([("call", {"first": 31, "last": 32})], "Place 31 was called again; 31 had been reached"),
        ([("call", {"first": 33, "last": 33})], "Places 32 to 32 were passed over"),
        ([("call", {"first": 32, "last": 161})], "Place 161 was called before anybody"),
        ([("call", {"first": 32, "last": 31})], "A call goes backwards, from place 32 to 31"),
        (
            [("pause", {}), ("call", {"first": 32, "last": 40})],
            "Places 32 to 40 were called during a pause",
        ),
        ([("close", {}), ("call", {"first": 32, "last": 40})], "after the room had been closed"),
        ([("freeze", {"count": 160, "digest": "00" * 32})], "The list was closed a second time"),
        (
            [("reveal", {"inputs": "portal=" + "00" * 32, "seed": "00" * 32, "source": "drand"})],
            "The draw was revealed a second time",
        ),
        ([("commit", {"commitment": "00" * 32})], "recorded only after the list was closed"),
        (
            [("plan", Book().plan(OPENS))],
            "Opening or order were changed after the line had begun to move",
        ),
    ],
)
def test_acts_out_of_turn_are_found(acts, finding):
    assert any(finding in what for what in lying(acts)), lying(acts)


# Of the evening: pace, people inside, waiting times, totals.
EVENING = {
    "faster than the pace": (
        [("pace", {"max_active": 9, "max_per_minute": 60}), ("call", {"first": 32, "last": 40})],
        "Places 32 to 40 were called faster than 60 a minute.",
    ),
    "a pace of nobody": (
        [("pace", {"max_active": 0, "max_per_minute": 60})],
        "The pace lets nobody in, or calls nobody.",
    ),
    "more inside than the pace lets in": (
        [("count", {"entered": 300, "inside": 201, "ran_out": 0})],
        "201 were inside, where the pace lets in 200.",
    ),
    "fewer than before": (
        [
            ("count", {"entered": 5, "inside": 2, "ran_out": 1}),
            ("count", {"entered": 4, "inside": 2, "ran_out": 1}),
        ],
        "Fewer people are counted than before.",
    ),
    "more gone than came": (
        [("count", {"entered": 5, "inside": 2, "ran_out": 4})],
        "Of 5 who entered, 2 inside and 4 can't be.",
    ),
    "a waiting time after the call": (
        [("estimate", {"ranges": "31:0-60 40:60-120"})],
        "A waiting time of 0 to 60 s was given for place 31, when 31 had been called.",
    ),
    "a waiting time that is none": (
        [("estimate", {"ranges": "40:soon"})],
        "This line can't be understood: “40:soon” is no waiting time.",
    ),
    "totals while people are inside": (
        [
            ("count", {"entered": 5, "inside": 2, "ran_out": 1}),
            ("totals", {"numbers": 160, "entered": 5}),
        ],
        "The last count before the totals has 2 people inside: a count was left out.",
    ),
    "totals without a number": (
        [("totals", {"numbers": 160})],
        "The totals say None for “called”; the log gives 31.",
    ),
}


@pytest.mark.parametrize("how", EVENING)
def test_an_evening_that_can_not_have_been_is_found(how):
    acts, finding = EVENING[how]

    assert finding in lying(acts), lying(acts)


def test_a_cut_of_the_pace_throws_nobody_out():
    cut = [
        ("count", {"entered": 200, "inside": 200, "ran_out": 0}),
        ("pace", {"max_active": 10, "max_per_minute": 60_000}),
        ("count", {"entered": 200, "inside": 150, "ran_out": 0}),
    ]

    assert lying(cut) == []
    rising = [*cut, ("count", {"entered": 260, "inside": 151, "ran_out": 0})]
    assert lying(rising) == ["151 were inside, where the pace lets in 150."]


def test_an_act_of_another_time_than_its_page_is_found():
    book = a_day()
    leaf = public_log.leaf_for_act("seoul-60s", 14, "pause", OPENS - timedelta(hours=3))

    text = book.csv().replace(public_log.csv_act(book.pages[-1][2][-1]), public_log.csv_act(leaf))

    earlier = shown(OPENS - timedelta(hours=3))
    assert any(f"“pause” is said to be of {earlier}; the page" in what for what in troubles(text))


def test_the_head_of_a_file_can_not_claim_an_older_format():
    text = TEXT.replace("jari-line,3,", "jari-line,2,")

    assert "The log was begun in format 3; the file says it is of 2." in troubles(text)


def test_the_head_of_a_file_can_not_claim_a_newer_format_either():
    text = Book(order="fifo", log_format=2).page(50).csv().replace("jari-line,2,", "jari-line,3,")

    assert "The log was begun in format 2; the file says it is of 3." in troubles(text)


def test_a_log_of_an_older_format_is_checked_under_its_own_rules():
    book = Book(order="fifo", log_format=2).page(50)
    book.page(80, ("call", {"first": 1, "last": 12}), ("close", {}), ("close", {}))
    book.page(80, ("count", {"entered": 1}))

    report = report_on(book.csv())

    assert [what for _, what in report.troubles] == [
        "“count” was done after the room had been closed."
    ]
    assert report.evening["called"] == 12
    assert "A log of format 2 records none." in verify_line.summary(report)
    assert "published waiting times" not in verify_line.summary(report)


scalars = st.none() | st.booleans() | st.integers(-5, 10**30) | st.text("0:- x", max_size=6)
evening_acts = st.tuples(
    st.sampled_from(["pace", "count", "estimate", "totals", "call", "pause", "resume", "commit"]),
    st.dictionaries(
        st.sampled_from(
            [
                "max_active",
                "max_per_minute",
                "entered",
                "inside",
                "ran_out",
                "ranges",
                "numbers",
                "first",
                "last",
                "format",
                "by",
                "commitment",
            ]
        ),
        scalars,
    ),
)


@given(acts=st.lists(evening_acts, max_size=5))
def test_acts_that_no_portal_writes_get_a_sentence_and_no_crash(acts):
    book = a_day()
    book.page(100 + LATE, *acts)

    verify_line.summary(report_on(book.csv()))


def test_a_call_before_the_opening_or_before_the_draw_is_found():
    book = Book().page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}))
    book.page(40, ("call", {"first": 1, "last": 2}), at=OPENS - timedelta(seconds=1))

    assert troubles(book.csv()) == [
        "Places 1 to 2 were called before the draw.",
        f"Places 1 to 2 were called at {shown(OPENS - timedelta(seconds=1))}, before the opening "
        f"at {shown(OPENS)}.",
    ]


def test_an_opening_that_was_moved_before_it_came_is_in_order_and_said():
    book = Book().page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}))
    book.page(60, ("plan", book.plan(LATER)))
    book.opens = LATER

    report = report_on(book.csv())

    assert report.troubles == []
    assert f"On {shown(OPENS)} the opening was set anew, to {shown(LATER)}." in report.notes


def shown(moment):
    return verify_line.when(public_log.microseconds(moment))


def test_an_opening_that_was_never_recorded_is_found():
    book = Book(planned=False).page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}))

    assert troubles(book.csv()) == ["When the doors open was never recorded in the log."]


def test_a_secret_chosen_after_the_list_was_known_is_found():
    book = Book()
    book.head["commitment"] = draw.commitment(bytes(32))
    book.page(40, ("commit", {"commitment": book.head["commitment"]})).draw()

    assert troubles(book.csv()) == ["The secret is not the one that was committed to before."]


def drawn(book=None, **reveal):
    """What the verifier says of a draw among forty, held in a certain way."""
    book = book or Book()
    book.page(
        40, ("commit", {"commitment": book.head["commitment"]}), at=OPENS - timedelta(hours=1)
    )
    book.freeze()
    return report_on(book.reveal(**reveal).csv())


def test_a_draw_by_the_planned_round_is_in_order_and_says_so():
    report = drawn()

    assert report.troubles == []
    assert report.notes[-2].startswith(f"The order was fixed by round {ROUND} of drand's quicknet")
    assert report.notes[-1].startswith("NOT SHOWN: that the list was closed before the number")


def test_a_seed_made_in_another_way_is_found():
    report = drawn(seed="11" * 32)

    assert "The seed does not follow from the closed list and the inputs." in [
        what for _, what in report.troubles
    ]


@pytest.mark.parametrize(
    ("reveal", "finding"),
    [
        ({"round": ROUND - 1}, "by the plan it is round 1000"),
        ({"round": ROUND + 1}, "by the plan it is round 1000"),
        ({"signature": SIGNATURE[:-2] + "38"}, "The signature of the beacon is wrong"),
        ({"signature": SIGNATURE[:-2]}, "The signature of the beacon is wrong"),
        ({"signature": SIGNATURE[:-1]}, "The signature of the beacon is wrong"),
        ({"signature": SIGNATURE + "00"}, "The signature of the beacon is wrong"),
        ({"signature": "x" + SIGNATURE[1:]}, "The signature of the beacon is wrong"),
        ({"inputs": {"beacon": "ab" * 32}}, "does not follow from its signature"),
        ({"at": OPENS + timedelta(seconds=5)}, "did not exist yet when the draw was held"),
        ({"source": "stated"}, "The plan says drand, but the draw was held by another source"),
        ({"inputs": {}}, "Of the planned source, drand, nothing went into the seed"),
        ({"inputs": {"beacon": NUMBER, "luck": "7"}}, "“luck” went into the seed, but not by"),
        ({"inputs": {"stated": "7"}}, "which the plan does not allow"),
        ({"inputs": {"portal": "00" * 32, "beacon": NUMBER}}, "not the one that was committed to"),
    ],
)
def test_a_number_that_could_be_chosen_is_found(reveal, finding):
    troubles = [what for _, what in drawn(**reveal).troubles]

    assert any(finding in what for what in troubles), troubles


def test_another_chain_in_the_plan_is_found():
    report = drawn(Book(chain="ab" * 32))

    assert "The plan names another chain than drand's quicknet." in [
        what for _, what in report.troubles
    ]


def test_a_plan_that_takes_a_number_from_before_the_closing_is_found():
    early = beacon.round_after(OPENS - timedelta(minutes=1))

    report = drawn(Book(after=-60), round=early)

    assert "By the plan the number was there before the list was closed." in [
        what for _, what in report.troubles
    ]


def test_a_draw_in_the_page_that_closes_the_list_is_found():
    book = Book().page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}))
    digest = book.roots[-1]
    inputs = draw.inputs_of({"portal": KEPT_SECRET.hex(), "beacon": NUMBER})
    seed = draw.seed_from(bytes.fromhex(digest), inputs).hex()
    book.head |= {"frozen": 40, "list_digest": digest, "inputs": inputs, "seed": seed}
    proof = {"source": "drand", "round": ROUND, "signature": SIGNATURE}
    book.page(
        40,
        ("freeze", {"count": 40, "digest": digest}),
        ("reveal", {"inputs": inputs, "seed": seed, **proof}),
    )

    assert any(
        "known before the closed list was published" in what for what in troubles(book.csv())
    )


WITNESS = Signer("witness.example", bytes(32), COSIGNATURE).verifier


@pytest.mark.parametrize(
    "change",
    [
        {"source": "stated"}, {"after": 60}, {"statement": "Lotto"}, {"order": "fifo"},
        {"chain": "ab" * 32}, {"officers": 2}, {"witnesses": f"{WITNESS.name} {WITNESS}"},
        {"quorum": 0}, {"wait": 60},
    ],
)  # fmt: skip
def test_a_rule_changed_after_people_joined_is_found(change):
    book = Book().page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}))
    book.page(60, ("plan", book.plan(OPENS, **change)))

    assert "The rule of the draw was set or changed after people had joined." in troubles(
        book.csv()
    )


BACK_THEN = OPENS - timedelta(hours=3)


def test_a_rule_changed_with_a_time_from_before_the_joining_is_found_by_its_page():
    book = Book().page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}))
    book.page(40, ("plan", book.plan(OPENS, source="stated", statement="Lotto")), at=BACK_THEN)

    assert "The rule of the draw was set or changed after people had joined." in troubles(
        book.csv()
    )


def test_a_rule_changed_on_the_page_of_the_first_tickets_is_judged_by_its_time():
    def changed_at(moment):
        book = Book()
        other = ("plan", book.plan(OPENS, source="stated", statement="Lotto"))
        book.page(0, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}), at=BACK_THEN)
        return troubles(book.page(40, other, at=moment).csv())

    first_joined = OPENS - timedelta(hours=1) + timedelta(seconds=1)

    assert changed_at(first_joined) == []
    assert changed_at(first_joined + timedelta(microseconds=1)) == [
        "The rule of the draw was set or changed after people had joined."
    ]


def test_a_secret_committed_to_later_is_found_by_its_page_too():
    book = Book(source="officers", chain=None, officers=1)
    commit = {"commitment": draw.commitment(bytes(32)), "by": "Newspaper"}
    book.page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}))

    for at in (OPENS - timedelta(minutes=1), BACK_THEN):
        late = book.page(40, ("commit", commit), at=at)
        assert "Newspaper committed to a secret only after people had joined." in troubles(
            late.csv()
        )


def officers_book():
    book = Book(source="officers", chain=None, officers=2, statement="Lotto 1234")
    book.page(
        0,
        *[
            ("commit", {"commitment": draw.commitment(bytes([n]) * 32), "by": name})
            for n, name in enumerate(["Health office", "Newspaper"])
        ],
        at=OPENS - timedelta(hours=2),
    )
    return book


OPENED = {"officer Health office": "00" * 32, "officer Newspaper": "01" * 32}


def by_officers(inputs, **details):
    details = {"source": "officers", "round": None, "signature": None, **details}
    return drawn(officers_book(), inputs=inputs, **details)


def test_secrets_of_officers_are_held_against_their_commitments():
    assert by_officers(OPENED).troubles == []
    assert by_officers(OPENED).notes == ["All 2 officers opened what they had committed to."]
    another = by_officers({**OPENED, "officer Newspaper": "ff" * 32})
    assert "Newspaper opened another secret than the one committed to." in [
        what for _, what in another.troubles
    ]


def test_an_officer_who_withholds_is_named_and_the_way_out_stands_in_the_plan():
    one = {"officer Health office": "00" * 32}
    late = OPENS + timedelta(minutes=11)

    alone = by_officers(one, at=late)
    early = by_officers({**one, "stated": "1 2 3"}, at=OPENS + timedelta(minutes=9))
    lawful = by_officers({**one, "stated": "1 2 3"}, at=late)

    assert any("nothing went into the seed" in what for _, what in alone.troubles)
    assert any("before the planned source had its ten" in what for _, what in early.troubles)
    assert lawful.troubles == []
    assert "Newspaper withheld the secret committed to." in lawful.notes
    assert any("Lotto 1234" in note for note in lawful.notes)


def test_whoever_knows_the_secret_cannot_steer_without_being_found():
    """The attack of old: move the last page's time until a friend stands first.

    The number comes after the list is closed, so trying lists means rewriting a list whose root
    was published: the root kept from before is none of the rewritten log.
    """
    book = Book().page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}))
    published = book.freeze().roots[-1]
    for microsecond in range(1, 400):
        steered = Book()
        steered.page(
            40,
            ("commit", {"commitment": draw.commitment(KEPT_SECRET)}),
            at=OPENS - timedelta(microseconds=microsecond),
        )
        steered.freeze().reveal()
        if steered.place(17) == 1:
            break

    report = report_on(steered.csv())
    verify_line.check_root(report, published)

    assert steered.place(17) == 1
    assert any("the log was rewritten since" in what for _, what in report.troubles)


def test_a_sample_is_called_a_sample():
    book = Book(source="sample", chain=None)
    report = drawn(book, inputs={"sample": "ab" * 32}, source="sample", round=None, signature=None)

    assert report.troubles == []
    assert any("MADE UP" in note for note in report.notes)


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
    assert honest.notes[2:] == [
        "The root you gave was that of the log when it had 4 pages.",
        "The proof holds, and its root is in the history of this log.",
    ]
    assert [what for _, what in lie.troubles] == [
        f"The root {DAY.roots[4]} was never that of this log: the log was rewritten since.",
        "The proof is right in itself, but its root was never that of this log.",
        f"The ticket {hash_of(44)} is not in the log.",
    ]


def test_a_proof_newer_than_the_file_is_told_from_one_of_another_log():
    page, tickets, acts = DAY.pages[1]
    leaves = [public_log.leaf_for_ticket("seoul-60s", *ticket) for ticket in tickets] + acts
    proof = public_log.prove(page=page, leaves=leaves, index=3, size=8, read=DAY.read)
    older = a_day()
    older.pages, older.roots = older.pages[:5], older.roots[:6]

    report = report_on(older.csv())
    verify_line.check_proof(report, proof)

    assert report.is_good
    assert report.newer
    assert "newer than this file" in report.notes[-1]


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
    assert "\nline 55: Page 2 was recorded with 59 tickets and has 58: 1 taken out since." in said
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
