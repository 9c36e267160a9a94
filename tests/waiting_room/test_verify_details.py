"""The offline verifier sentence by sentence: each thing that it says, with what makes it say so."""

import base64
import csv
import io
import json
import re
from datetime import timedelta
from hashlib import sha256

import pytest

from tests.waiting_room.test_verify_line import (
    DAY,
    KEPT_SECRET,
    LATE,
    LATER,
    NUMBER,
    OPENS,
    ROUND,
    TEXT,
    Book,
    drawn,
    hash_of,
    line_of,
    lines_of,
    officers_book,
    report_on,
    shown,
    troubles,
)
from waiting_room import draw, merkle, public_log
from waiting_room.offline import verify_line
from waiting_room.offline.verify_line import Unreadable

COMMIT = ("commit", {"commitment": draw.commitment(KEPT_SECRET)})
HEADER = "row,number,at,hash,details\njari-line,2,,,\n"


def with_lines(text, change) -> str:
    lines = lines_of(text)
    change(lines)
    return "".join(lines)


def number_of(start: str, text=TEXT) -> int:
    """The line of the file, from 1, that begins so."""
    return next(n for n, line in enumerate(lines_of(text), start=1) if line.startswith(start))


# What is no log at all


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "its first two lines are others"),
        ("row,number,at,hash\njari-line,2,,,\n", "its first two lines are others"),
        ("row,number,at,hash,details\n", "its first two lines are others"),
        ("row,number,at,hash,details\nroom,,,,x\n", "its first two lines are others"),
        (HEADER.replace(",2,", ",4,"), "another format"),
        (HEADER.replace(",2,", ",02,"), "another format"),
        (HEADER.replace(",2,,,", ",2,,,x"), "another format"),
        (TEXT.replace('"', "", 1), "is no CSV"),
    ],
)
def test_a_file_that_is_no_log_is_not_read(text, why):
    if "CSV" in why:
        text = TEXT.replace("\n", '\n"x"y', 1)
    with pytest.raises(Unreadable, match=why):
        report_on(text)


# Lines


def edited(start: str, old: str, new: str) -> str:
    number = number_of(start) - 1
    lines = lines_of(TEXT)
    assert old in lines[number]
    lines[number] = lines[number].replace(old, new, 1)
    return "".join(lines)


def put_after(start: str, line: str) -> str:
    return with_lines(TEXT, lambda lines: lines.insert(number_of(start), line))


def ticket_among_the_acts() -> str:
    def change(lines):
        ticket = lines.pop(line_of(40))
        lines.insert(number_of("act,1,") - 1, ticket)

    return with_lines(TEXT, change)


ROOT = number_of("root,")
LINES = {
    "a column more": (lambda: edited("root,", "\n", ",\n"), "has 6 columns instead of 5"),
    "a column less": (lambda: edited("root,", ",\n", "\n"), "has 4 columns instead of 5"),
    "a cell that should be empty": (
        lambda: edited("order,", "order,,", "order,1,"),
        "A line of the kind “order” has more on it than it should.",
    ),
    "the hash of an act": (
        lambda: edited("act,1,", ",,", ",00,"),
        "A line of the kind “act” has more on it than it should.",
    ),
    "after the end": (lambda: f"{TEXT}room,,,,x\n", "There are lines after the last one"),
    "an unknown kind": (
        lambda: put_after("seed,", "colour,,,,red\n"),
        "Nobody knows lines of the kind “colour”.",
    ),
    "a head twice": (
        lambda: put_after("room,", "room,,,,seoul-60s\n"),
        "“room” stands in the wrong place or twice.",
    ),
    "a head among the pages": (
        lambda: put_after("page,1,", "seed,,,00,\n"),
        "“seed” stands in the wrong place or twice.",
    ),
    "a ticket before any page": (
        lambda: put_after("seed,", f"ticket,1,1,{hash_of(1)},\n"),
        "This line stands before the first page.",
    ),
    "an act before any page": (
        lambda: put_after("seed,", "act,1,1,,{}\n"),
        "This line stands before the first page.",
    ),
    "a ticket among the acts": (ticket_among_the_acts, "This ticket stands among the acts"),
    "a number twice": (
        lambda: put_after("ticket,5,", f"ticket,5,1,{hash_of(999)},\n"),
        f"Entry 5 comes after entry 5 of line {line_of(5) + 1}:",
    ),
    "a number before the first": (
        lambda: put_after("page,1,", f"ticket,0,1,{hash_of(999)},\n"),
        "Entry 0 comes after entry 0 of line 0:",
    ),
    "a number with a zero before it": (
        lambda: edited("ticket,5,", "ticket,5", "ticket,05"),
        "A number on this line is not written in the one agreed way.",
    ),
    "a time with a zero before it": (
        lambda: edited("ticket,5,", "ticket,5,", "ticket,5,0"),
        "A number on this line is not written in the one agreed way.",
    ),
    "a page number": (
        lambda: edited("page,2,", "page,2,", "page,9,"),
        "Number, time or root of this page differ from its record.",
    ),
    "a page that is no JSON": (
        lambda: edited("page,2,", '"{', '"'),
        "This line can't be understood",
    ),
    "a page with a space": (
        lambda: edited("page,2,", '"{""', '"{ ""'),
        "The record of this page is not written in the one agreed way.",
    ),
    "a page of another room": (
        lambda: edited("page,2,", "seoul-60s", "busan-60s"),
        "This page belongs to another room, busan-60s.",
    ),
    "a page's number in its record": (
        lambda: edited("page,2,", '""number"":2', '""number"":3'),
        "Page 2 is expected here, not page 3.",
    ),
    "a page with a word for a number": (
        lambda: edited("page,2,", '""upto"":100', '""upto"":""100""'),
        "“upto” of the page is '100'",
    ),
    "a page with another key": (
        lambda: edited("page,2,", '""upto""', '""up""'),
        "it is not the record of a page",
    ),
    "where a page begins": (
        lambda: edited("page,2,", '""after"":40', '""after"":41'),
        "Page 2 should go on after entry 40; it says it goes from 41 to 100.",
    ),
    "an act's number": (
        lambda: edited("act,3,", '""number"":3', '""number"":4'),
        "Act 3 is expected here, not act 4.",
    ),
    "an act's time": (
        lambda: edited("act,3,", "act,3,1", "act,3,2"),
        "Number, time or room of this act differ from its record.",
    ),
    "an act of another room": (
        lambda: edited("act,3,", "seoul-60s", "busan-60s"),
        "Number, time or room of this act differ from its record.",
    ),
    "an act less": (
        lambda: with_lines(TEXT, lambda lines: lines.pop(number_of("act,4,") - 1)),
        "was recorded with 1 acts and has 0: 1 taken out since.",
    ),
    "how many pages": (
        lambda: edited("root,", "root,8,", "root,9,"),
        "The log should have 9 pages; 8 are here.",
    ),
    "an order that is none": (
        lambda: edited("order,", "draw", "drew"),
        "The order is neither draw nor fifo.",
    ),
    "no opening": (
        lambda: with_lines(TEXT, lambda lines: lines.pop(number_of("opens,") - 1)),
        "The head of the file lacks: opens.",
    ),
    "no room and no order": (
        lambda: with_lines(
            TEXT,
            lambda lines: [lines.pop(number_of("room,") - 1) for _ in "ro"],
        ),
        "The head of the file lacks: order, room.",
    ),
    "an opening that is no number": (
        lambda: edited("opens,", "opens,,1", "opens,,x"),
        "This line can't be understood: invalid literal for int()",
    ),
    "a count that is no number": (
        lambda: edited("frozen,", "frozen,1", "frozen,x"),
        "This line can't be understood: invalid literal for int()",
    ),
    "another commitment": (
        lambda: edited("commitment,", draw.commitment(KEPT_SECRET), "ab" * 32),
        f"“commitment” is not what the log recorded: {draw.commitment(KEPT_SECRET)}.",
    ),
    "another count": (
        lambda: edited("frozen,", "frozen,100,", "frozen,99,"),
        "“frozen” is not what the log recorded: 100.",
    ),
    "another digest": (
        lambda: edited("frozen,", DAY.head["list_digest"], "ab" * 32),
        f"“frozen” is not what the log recorded: {DAY.head['list_digest']}.",
    ),
    "another seed": (
        lambda: edited("seed,", DAY.head["seed"], "ab" * 32),
        f"“seed” is not what the log recorded: {DAY.head['seed']}.",
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_each_wrong_line_gets_its_sentence(name):
    make, finding = LINES[name]

    found = troubles(make())

    assert any(finding in what for what in found), found


@pytest.mark.parametrize(
    ("at", "is_time"), [(-1, False), (0, True), (2**60 - 1, True), (2**60, False)]
)
def test_a_time_is_one_that_other_programs_can_hold(at, is_time):
    lines = lines_of(TEXT)
    number = number_of("act,3,") - 1
    lines[number] = re.sub(r'(""at"":)\d+', rf"\g<1>{at}", lines[number])

    found = troubles("".join(lines))

    assert (f"This line can't be understood: its time is {at}." in found) != is_time


# docs/line-log.md, "The file": the columns of each kind of line; the others are empty.
COLUMNS_OF = {
    "room": {4}, "order": {4}, "opens": {2}, "commitment": {3}, "frozen": {1, 3}, "public": {4},
    "secret": {3}, "inputs": {4}, "seed": {3}, "act": {1, 2, 4}, "root": {1, 2, 3},
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "column"), [(kind, column) for kind in COLUMNS_OF for column in (1, 2, 3, 4)]
)
def test_a_column_that_a_kind_of_line_has_not_is_empty(kind, column):
    row = [kind, *("1" if at == column else "" for at in (1, 2, 3, 4))]
    rows = [verify_line.COLUMNS, ["jari-line", "3", "", "", ""], row]

    said = [what for _, what in verify_line.check(enumerate(rows, start=1)).troubles]

    more = f"A line of the kind “{kind}” has more on it than it should."
    assert (more in said) == (column not in COLUMNS_OF[kind])


@pytest.mark.parametrize("name", ["an opening that is no number", "a count that is no number"])
def test_a_number_of_the_head_is_said_at_its_own_line(name):
    make, finding = LINES[name]
    text = make()
    number = number_of("opens," if "opening" in name else "frozen,", text)

    found = [what for line, what in report_on(text).troubles if line == number]

    assert any(finding in what for what in found), found


def page_two(**changes) -> dict:
    row = next(csv.reader([lines_of(TEXT)[number_of("page,2,") - 1]]))
    return json.loads(row[4]) | changes


def written(record: dict, **options) -> list[str]:
    """The troubles of the day with this record of page 2."""
    cell = json.dumps(record, separators=(",", ":"), **options).replace('"', '""')
    line = lines_of(TEXT)[number_of("page,2,") - 1]
    return troubles(TEXT.replace(line, line[: line.index('"{')] + f'"{cell}"\n'))


def test_the_record_of_a_page_is_written_in_one_way():
    otherwise = "The record of this page is not written in the one agreed way."
    korean = page_two(room="서울")

    assert written(page_two(), sort_keys=True) == []
    assert written(dict(reversed(page_two().items()))) == [otherwise]
    assert otherwise in written(korean, sort_keys=True)
    assert otherwise not in written(korean, sort_keys=True, ensure_ascii=False)


def test_after_a_wrong_number_acts_are_counted_from_it():
    found = troubles(LINES["an act's number"][0]())

    assert [what for what in found if "is expected here, not act" in what] == [
        "Act 3 is expected here, not act 4.",
        "Act 5 is expected here, not act 4.",
    ]


def test_a_trouble_names_its_line():
    found = report_on(edited("ticket,5,", "ticket,5", "ticket,05")).troubles
    sentence = "A number on this line is not written in the one agreed way."

    assert (number_of("ticket,5,"), sentence) in found


@pytest.mark.parametrize("kind", ["commitment", "frozen", "inputs", "seed", "secret", "public"])
def test_what_the_head_gives_must_have_been_recorded(kind):
    book = Book().page(40)
    values = {"commitment": ",,,00,", "frozen": ",40,,00,", "seed": ",,,00,", "secret": ",,,00,"}
    line = f"{kind}{values.get(kind, ',,,,x')}\n"
    text = book.csv()
    without = {"commitment", "frozen", "inputs", "seed", "secret", "public"}
    kept = [each for each in lines_of(text) if each.split(",")[0] not in without]

    kept.insert(5, line)

    found = [what for what in troubles("".join(kept)) if what.startswith(f"“{kind}” is ")]
    assert found == [f"“{kind}” is given, but was never recorded."]


def test_a_hundred_troubles_are_enough():
    text = with_lines(TEXT, lambda lines: lines.insert(4, "x,,,,\n" * 150))

    report = report_on(text)

    assert len(report.troubles) == 100
    assert "… and perhaps more: only the first 100 are shown." in verify_line.summary(report)
    assert verify_line.summary(report).endswith("NOT in order: 100 found.")


def test_a_page_holds_so_many_tickets_and_no_more():
    at_most, too_many = (Book(order="fifo").page(count) for count in (4096, 4097))
    forged = too_many.csv()

    assert troubles(at_most.csv()) == []
    assert "Page 1 holds more than 4096 tickets." in troubles(forged)


@pytest.fixture(autouse=True)
def _pages_of_any_size(monkeypatch):
    monkeypatch.setattr(public_log, "PAGE_TICKETS", 5000)


def test_a_ticket_after_the_end_of_its_page_is_found():
    text = edited("ticket,40,", "ticket,40,", "ticket,41,")

    assert (
        "Entry 41 does not belong on page 1, which goes from 1 to 40: it was put in or given "
        "another number."
    ) in troubles(text)


# Acts


def test_a_page_that_can_not_be_read_is_said_once():
    found = report_on(edited("page,1,", '"{', '"')).troubles

    assert found[0][1].startswith("This line can't be understood")
    # Its tickets stand in no page; that is not said of each of them.
    assert [line for line, _ in found if number_of("page,1,") <= line < number_of("page,2,")] == [
        number_of("page,1,")
    ]


def test_a_plan_after_the_first_call_is_found():
    book = Book(order="fifo").page(50, ("call", {"first": 1, "last": 1}))
    book.page(50, ("plan", book.plan(OPENS)))

    assert troubles(book.csv()) == [
        "Opening or order were changed after the line had begun to move."
    ]


def test_what_the_head_lacks_is_said_of_the_first_line():
    text = with_lines(TEXT, lambda lines: lines.pop(number_of("commitment,") - 1))

    commitment = draw.commitment(KEPT_SECRET)
    assert (1, f"“commitment” is not what the log recorded: {commitment}.") in (
        report_on(text).troubles
    )


def test_what_is_wrong_with_the_order_is_said_of_its_line_or_the_first():
    neither, line = "The order is neither draw nor fifo.", number_of("order,")
    other = report_on(edited("order,", "draw", "drew")).troubles
    none = report_on(with_lines(TEXT, lambda lines: lines.pop(line - 1))).troubles

    assert (line, neither) in other
    assert (1, neither) in none
    assert (1, "The head of the file lacks: order.") in none


def test_what_the_log_never_recorded_is_said_of_the_first_line():
    begun, opens = "The log does not say in which format it was begun.", "When the doors open was"
    nothing = report_on(Book(planned=False).page(3).csv()).troubles
    older = report_on(Book(planned=False, log_format=2).page(3).csv()).troubles

    assert (1, begun) in nothing
    assert [line for line, what in nothing if what.startswith(opens)] == [1]
    assert begun not in [what for _, what in older]
    assert begun not in troubles(Book().csv())


@pytest.mark.parametrize("seed", ["zz" * 32, "ab" * 31])
def test_a_seed_that_is_none_gives_no_places(seed):
    text = edited("seed,", DAY.head["seed"], seed)

    assert troubles(text) == [f"“seed” is not what the log recorded: {DAY.head['seed']}."]


def test_the_places_of_latecomers_are_known_where_nobody_gathered():
    book = Book().page(0, ("commit", {"commitment": draw.commitment(KEPT_SECRET)})).draw()
    book.joined = lambda entry: OPENS + timedelta(seconds=entry)
    book.page(9)

    report = report_on(book.csv(), ticket=hash_of(3))

    assert (report.troubles, report.ticket["place"]) == ([], 3)


def test_a_page_in_which_the_file_breaks_off_is_compared_too():
    text = "".join(lines_of(TEXT)[: line_of(50)])

    assert any("Page 2 was recorded with 59 tickets" in what for what in troubles(text))


@pytest.mark.parametrize("kind", ["commitment", "seed", "inputs"])
def test_what_is_wrong_in_the_head_is_said_of_its_line(kind):
    number = number_of(f"{kind},")
    other = str.maketrans("01", "10")
    text = with_lines(
        TEXT, lambda lines: lines.__setitem__(number - 1, lines[number - 1].translate(other))
    )

    lines = {line for line, what in report_on(text).troubles if f"“{kind}”" in what}

    assert lines == {number}


@pytest.mark.parametrize(("count", "above"), [(255, 0), (256, 1), (511, 1), (512, 2)])
def test_only_whole_tiles_have_a_hash_above(count, above):
    levels = verify_line.levels_of([bytes([n % 256]) * 32 for n in range(count)])

    assert [len(level) for level in levels] == ([count, above] if above else [count])


@pytest.mark.parametrize(("length", "is_one"), [(4, False), (5, True), (68, True)])
def test_a_signature_line_has_an_id_and_more(length, is_one):
    line = f"— name {base64.b64encode(bytes(length)).decode()}"

    if is_one:
        assert verify_line.signature_line(line) == ("name", bytes(4), bytes(length - 4))
    else:
        with pytest.raises(verify_line.BadNote, match="is cut off"):
            verify_line.signature_line(line)


def test_a_commitment_that_was_changed_is_found():
    other = ("commit", {"commitment": "ab" * 32})
    book = Book().page(0, COMMIT, at=OPENS - timedelta(hours=2)).page(40, other)

    assert "The commitment was changed after it had been published." in troubles(book.csv())


def test_an_officers_commitment_that_was_changed_is_found():
    other = ("commit", {"commitment": "ab" * 32, "by": "Newspaper"})
    book = officers_book().page(0, other, at=OPENS - timedelta(hours=2))

    assert "The commitment was changed after it had been published." in troubles(book.csv())


def test_a_draw_without_any_commitment_is_found():
    book = Book().page(40).freeze().reveal()
    book.head.pop("commitment")

    assert "No commitment to the secret was recorded before the draw." in troubles(book.csv())


def test_a_draw_before_the_closing_is_found():
    book = Book().page(40, COMMIT)
    book.head |= {"frozen": 40, "list_digest": book.roots[-1]}

    assert "The draw was revealed before the list was closed." in troubles(book.reveal().csv())


def test_closing_before_the_opening_is_found():
    early = OPENS - timedelta(seconds=1)
    book = Book().page(40, COMMIT).freeze(at=early)

    assert troubles(book.csv()) == [
        f"The list was closed at {shown(early)}, before the opening at {shown(OPENS)}."
    ]
    assert troubles(Book().page(40, COMMIT).freeze().csv()) == []


def closing_findings(freeze_at) -> list[str]:
    """What is said of the tickets of a list that claims to have been closed at this time."""
    book = Book(source="sample", chain=None).page(40, COMMIT).freeze(at=freeze_at)
    return [what for what in troubles(book.csv()) if "by its own time" in what]


def test_a_closed_list_holds_no_ticket_from_after_its_closing():
    last = OPENS - timedelta(hours=1) + timedelta(seconds=40)
    too_early = last - timedelta(seconds=1, microseconds=1)

    assert closing_findings(last - timedelta(seconds=1)) == []
    assert closing_findings(too_early) == [
        f"The list was closed at {shown(too_early)}, by its own time; it holds a ticket of "
        f"{shown(last)}."
    ]


def test_a_ticket_from_before_the_closing_that_is_not_in_the_list_is_found():
    book = Book().page(40, COMMIT).freeze(at=OPENS + timedelta(seconds=42))

    book.page(42)

    # Entry 41 came a second and more before, entry 42 a second.
    late = "Entry 41 joined before the list was closed and is not in it."
    assert [what for what in troubles(book.csv()) if what.startswith("Entry 4")] == []
    book = Book().page(40, COMMIT).freeze(at=OPENS + timedelta(seconds=42, microseconds=1)).page(42)
    assert [what for what in troubles(book.csv()) if what.startswith("Entry 4")] == [late]


def test_inputs_in_another_order_are_found():
    inputs = f"portal={KEPT_SECRET.hex()}\nbeacon={NUMBER}"
    book = Book().page(40, COMMIT).freeze()
    seed = draw.seed_from(bytes.fromhex(book.head["list_digest"]), inputs).hex()
    book.reveal(inputs={"beacon": NUMBER})
    book.pages.pop()
    book.roots.pop()
    book.acts -= 1
    book.head |= {"inputs": inputs, "seed": seed}
    book.seed = bytes.fromhex(seed)
    proof = {"source": "drand", "round": ROUND, "signature": ""}
    book.page(40, ("reveal", {"inputs": inputs, "seed": seed, **proof}), at=LATER)

    assert "The inputs of the seed are not written in the one agreed way." in troubles(book.csv())


def test_a_draw_without_the_portals_secret_is_found():
    book = Book(source="sample", chain=None).page(40, COMMIT).freeze()
    inputs = f"sample={'ab' * 32}"
    seed = draw.seed_from(bytes.fromhex(book.head["list_digest"]), inputs)
    book.head |= {"inputs": inputs, "seed": seed.hex()}
    book.seed = seed
    details = {"inputs": inputs, "seed": seed.hex(), "source": "sample"}

    book.page(40, ("reveal", details), at=OPENS + timedelta(seconds=6))

    assert troubles(book.csv()) == ["The secret is not the one that was committed to before."]


def test_a_draw_at_the_very_time_is_in_order():
    proof = {"source": "sample", "round": None, "signature": None}
    sample = {"sample": "ab" * 32}

    at_once = drawn(Book(source="sample", chain=None, after=None), at=OPENS, inputs=sample, **proof)
    in_time = drawn(at=OPENS + timedelta(seconds=6))

    assert (at_once.troubles, in_time.troubles) == ([], [])


def test_a_sample_in_the_place_of_a_beacon_is_found():
    report = drawn(inputs={"sample": "ab" * 32})

    assert [what for _, what in report.troubles] == [
        "Of the planned source, drand, nothing went into the seed.",
        "“sample” went into the seed, but not by the plan.",
    ]
    assert report.notes == []


def test_a_draw_before_its_number_was_due_is_found():
    book = Book(source="sample", chain=None)
    at = OPENS + timedelta(seconds=5)
    proof = {"source": "sample", "round": None, "signature": None}

    report = drawn(book, at=at, inputs={"sample": "ab" * 32}, **proof)

    due = OPENS + timedelta(seconds=6)
    assert [what for _, what in report.troubles] == [
        f"The draw was held at {shown(at)}, before {shown(due)}."
    ]


@pytest.mark.parametrize("value", ["4 8 15", "4=8=15"])
def test_a_stated_value_of_the_plan_is_to_be_compared(value):
    book = Book(source="stated", chain=None, statement="Lotto 1234")
    proof = {"source": "stated", "round": None, "signature": None}

    report = drawn(book, inputs={"stated": value}, **proof)

    assert report.troubles == []
    assert report.notes == [
        f"NOT CHECKED: that “{value}” is what the plan names: Lotto 1234. Compare it yourself."
    ]


def test_a_stated_value_beside_the_beacon_is_held_to_the_plan_too():
    both = {"beacon": NUMBER, "stated": "4 8 15"}

    bare = drawn(inputs=both)
    early = drawn(Book(statement="Lotto"), inputs=both)
    late = drawn(Book(statement="Lotto"), inputs=both, at=OPENS + timedelta(seconds=607))

    sentences = [[what for _, what in each.troubles] for each in (bare, early, late)]
    assert sentences == [
        ["A value was stated by hand, which the plan does not allow."],
        ["The value was stated by hand before the planned source had its ten minutes."],
        [],
    ]


def test_the_ten_minutes_of_the_planned_source_are_ten():
    lawful = {"inputs": {"stated": "7"}, "round": None, "signature": None}
    due = OPENS + timedelta(seconds=6)

    early, right = (
        drawn(Book(statement="Lotto"), at=due + timedelta(seconds=seconds), **lawful)
        for seconds in (599.999999, 600)
    )

    assert [len(each.troubles) for each in (early, right)] == [1, 0]


def test_a_value_stated_in_the_place_of_a_beacon_is_said_to_be_a_choice():
    late = OPENS + timedelta(minutes=11)
    instead = drawn(Book(statement="Lotto"), at=late, inputs={"stated": "7"})
    beside = drawn(Book(statement="Lotto"), at=late, inputs={"beacon": NUMBER, "stated": "7"})

    assert instead.troubles == []
    came = shown(OPENS + timedelta(seconds=6))
    assert instead.notes[0] == (
        f"WITHOUT ITS SOURCE: round {ROUND} of drand's quicknet was planned, and a value stated by "
        f"hand was used. If that round came at {came}, somebody chose between the two."
    )
    assert not any(note.startswith("WITHOUT") for note in beside.notes)


def test_a_beacon_that_can_not_be_checked_here_is_said_to_be_unchecked(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "drand_verify", None)

    report = drawn()

    assert report.troubles == []
    assert (
        "NOT CHECKED: the signature of the beacon. Install drand-verify (pip install "
        f"drand-verify), or compare round {ROUND} of quicknet with {NUMBER}."
    ) in report.notes


def test_calls_and_pauses_are_followed_over_pages():
    book = Book(order="fifo").page(50, ("pause", {"ko": "", "en": ""}))
    book.page(50, ("resume", {})).page(50, ("call", {"first": 1, "last": 1}))
    book.page(50, ("call", {"first": 2, "last": 50}))

    report = report_on(book.csv())

    assert (report.troubles, report.called) == ([], 50)
    report = report_on(book.page(50, ("call", {"first": 51, "last": 51})).csv())
    assert [what for _, what in report.troubles] == [
        "Place 51 was called before anybody in the log held it."
    ]


def test_a_call_at_the_opening_is_in_time():
    book = Book(order="fifo").page(50, ("call", {"first": 1, "last": 1}), at=OPENS)

    assert troubles(book.csv()) == []


# Logs of the first format


def first_format(**changes) -> str:
    """A draw as it was held before: the number was known when the list was closed."""
    public = changes.pop("public", "Lotto 7")
    secret = changes.pop("secret", KEPT_SECRET)
    book = Book(log_format=1, planned=True).page(40, *changes.pop("before", [COMMIT]))
    digest = book.roots[-1]
    seed = sha256(
        b"jari/draw/seed/v1\n"
        + secret
        + bytes.fromhex(digest)
        + sha256(public.strip().encode()).digest()
    ).digest()
    reveal = {"secret": secret.hex(), "public_value": public, "seed": seed.hex()} | changes
    book.page(40, ("freeze", {"count": 40, "digest": digest}), ("reveal", reveal))
    book.page(40, ("call", {"first": 1, "last": 5}))
    book.head |= {"frozen": 40, "list_digest": digest}
    book.seed = seed
    head = [
        public_log.csv_line("public", details=public),
        public_log.csv_line("secret", digest=secret.hex()),
        public_log.csv_line("seed", digest=reveal["seed"]),
    ]
    text = book.csv()
    lines = lines_of(text)
    first_page = next(n for n, line in enumerate(lines) if line.startswith("page,"))
    return "".join([*lines[:first_page], *head, *lines[first_page:]])


def test_a_log_of_the_first_format_is_held_to_its_own_rules():
    report = report_on(first_format())

    assert report.troubles == []
    assert report.drawn
    assert report.notes == [
        "This log is of format 1: its operator knew the number before the list was closed.",
        "NOT SHOWN: that nobody joined early. The plan does not say from when people could.",
    ]
    assert report_on(first_format(public="  Lotto 7 ")).troubles == []


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"secret": bytes(32)}, "The secret is not the one that was committed to before."),
        ({"before": []}, "No commitment to the secret was recorded before the draw."),
        ({"seed": "ab" * 32}, "does not follow from the secret, the list and the public value."),
        ({"public_value": "Lotto 8"}, "does not follow from the secret, the list and the public"),
        ({"public_value": "Lotto 8"}, "“public” is not what the log recorded: Lotto 8."),
    ],
)
def test_a_spoilt_draw_of_the_first_format_is_found(changes, finding):
    found = troubles(first_format(**changes))

    assert any(finding in what for what in found), found


def test_no_draw_of_today_is_held_by_the_rules_of_the_first_format(monkeypatch):
    sentence = "Since 2027 no draw is held by the rules of format 1."
    drawn_at = public_log.microseconds(OPENS)
    assert verify_line.when(verify_line.END_OF_FORMAT_1) == "2027-01-01 00:00:00"

    monkeypatch.setattr(verify_line, "END_OF_FORMAT_1", drawn_at)
    assert troubles(first_format()) == []
    monkeypatch.setattr(verify_line, "END_OF_FORMAT_1", drawn_at - 1)
    assert troubles(first_format()) == [sentence]


def test_another_secret_in_the_head_of_the_first_format_is_found():
    text = first_format().replace(f"secret,,,{KEPT_SECRET.hex()}", f"secret,,,{'ab' * 32}")

    assert troubles(text) == [f"“secret” is not what the log recorded: {KEPT_SECRET.hex()}."]


# What is asked of a log


def asked(entry, place=None, book=DAY, **more) -> list[str]:
    report = report_on(book.csv(), ticket=hash_of(entry))
    before = len(report.notes)
    verify_line.check_ticket(report, hash_of(entry), place)
    return report.notes[before:] + [what for _, what in report.troubles]


def test_a_ticket_is_told_its_entry_time_and_place():
    joined = OPENS - timedelta(hours=1) + timedelta(seconds=9)
    where = f"The ticket is entry 9, issued {shown(joined)}, line {line_of(9) + 1}."

    assert asked(9) == [where, f"Its place is {DAY.place(9)}, which has been called."]
    assert asked(9, DAY.place(9)) == asked(9)
    assert asked(9, 1000) == [where, f"The place of this ticket is {DAY.place(9)}, not 1000."]


def test_a_ticket_that_is_not_called_or_not_drawn_yet_is_told_so():
    fifo = Book(order="fifo").page(50, ("call", {"first": 1, "last": 12}))
    gathering = Book().page(40, COMMIT)

    assert asked(12, book=fifo)[1:] == ["Its place is 12, which has been called."]
    assert asked(13, book=fifo)[1:] == ["Its place is 13, which is not called yet."]
    assert asked(13, 5, book=gathering)[1:] == ["Its place is not known before the draw."]


def test_a_ticket_that_is_not_there_is_no_trouble_of_a_line():
    report = report_on(TEXT, ticket="ab" * 32)

    verify_line.check_ticket(report, "ab" * 32, None)

    assert report.troubles == [(0, f"The ticket {'ab' * 32} is not in the log.")]


def test_a_ticket_is_found_however_its_hash_is_written():
    report = report_on(TEXT, ticket=hash_of(5).upper())

    assert report.ticket["entry"] == 5


def test_a_latecomers_place_is_the_number():
    assert asked(100 + LATE)[1:] == [f"Its place is {100 + LATE}, which has been called."]


def test_a_root_is_found_however_it_is_written():
    report = report_on(TEXT)

    verify_line.check_root(report, DAY.roots[3].upper())
    verify_line.check_root(report, DAY.roots[0])

    assert report.notes[-2:] == [
        "The root you gave was that of the log when it had 3 pages.",
        "The root you gave was that of the log when it had 0 pages.",
    ]


def test_the_summary_says_what_was_read():
    report = report_on(TEXT)
    lines = verify_line.summary(report).split("\n")

    assert lines[0] == ("Room seoul-60s: 8 pages, 159 tickets, 13 acts, places called up to 160.")
    assert lines[1] == f"Log root: {DAY.roots[-1]}"
    end = 2 + len(report.notes)
    assert lines[2:end] == report.notes
    assert lines[end : end + 3] == [
        "The draw among 100 entries was recomputed.",
        "The evening, worked out anew from this log:",
        "  160 called in 4 calls, 160 a minute, at most 160 in one minute",
    ]
    assert lines[-2:] == [
        "NOT CHECKED: the totals. The log records them when the line is over.",
        "Everything is in order.",
    ]
    gathering = verify_line.summary(report_on(Book().page(40, COMMIT).csv()))
    assert "The draw has not been held yet, so no place is final." in gathering
    assert "recomputed" not in gathering


def test_a_trouble_is_shown_with_its_line_where_it_has_one():
    report = report_on(edited("root,", "root,8,", "root,9,"))
    verify_line.check_root(report, "ab" * 32)

    lines = verify_line.summary(report).split("\n")

    assert f"line {ROOT}: The log should have 9 pages; 8 are here." in lines
    assert any(line.startswith("The root abab") for line in lines)
    assert lines[-1] == "NOT in order: 2 found."


# The command line


def run(tmp_path, *arguments, text=TEXT) -> int:
    path = tmp_path / "line.csv"
    path.write_text(text, encoding="utf-8")
    return verify_line.main([str(path), *map(str, arguments)])


def test_a_newer_proof_ends_with_a_code_of_its_own(tmp_path, capsys):
    page, tickets, acts = DAY.pages[1]
    leaves = [public_log.leaf_for_ticket("seoul-60s", *ticket) for ticket in tickets] + acts
    proof = public_log.prove(page=page, leaves=leaves, index=3, size=8, read=DAY.read)
    (tmp_path / "proof").write_text(json.dumps(proof))
    shorter = Book()
    shorter.page(40, ("commit", {"commitment": draw.commitment(KEPT_SECRET)}),
                 at=OPENS - timedelta(hours=1))  # fmt: skip

    assert run(tmp_path, "--proof", tmp_path / "proof") == 0
    assert run(tmp_path, "--proof", tmp_path / "proof", text=shorter.csv()) == 3
    said = capsys.readouterr().out
    assert "it is of a log of 8 pages, and the file has 1." in said


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--ticket", hash_of(7)], 0),
        (["--ticket", hash_of(7), "--place", str(DAY.place(7))], 0),
        (["--ticket", hash_of(7), "--place", "0"], 1),
        (["--ticket", hash_of(9999)], 1),
        (["--root", DAY.roots[5]], 0),
        (["--root", "ab" * 32], 1),
        (["--proof", "no such file"], 2),
        (["--policy", "no such file"], 2),
        (["--checkpoint", "no such file"], 2),
    ],
)
def test_the_exit_code_says_what_came_of_it(tmp_path, arguments, code):
    assert run(tmp_path, *arguments) == code


def test_a_file_that_is_no_text_is_not_read(tmp_path, capsys):
    (tmp_path / "log").write_bytes(b"\xff\xfe\x00")

    assert verify_line.main([str(tmp_path / "log")]) == 2
    assert capsys.readouterr().err


# Parts


def test_times_are_those_of_korea():
    assert verify_line.when(0) == "1970-01-01 09:00:00"
    assert verify_line.when("1692803367000000") == "2023-08-24 00:09:27"


def test_rounds_before_the_first_are_the_first():
    genesis = verify_line.GENESIS * 10**6

    rounds = [
        verify_line.first_round_after(genesis + at) for at in (-(10**12), -1, 0, 1, 3 * 10**6)
    ]

    assert rounds == [1, 1, 1, 2, 2]
    assert [verify_line.round_time(number) - genesis for number in (1, 2)] == [0, 3 * 10**6]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 13])
def test_a_path_leads_from_each_leaf_and_from_no_other_place(size):
    leaves = [bytes([n]) for n in range(size)]
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    root = merkle.root(hashes)

    for index, leaf in enumerate(leaves):
        path = merkle.path(hashes, index)
        for at in range(-1, size + 2):
            led = verify_line.root_from_path(leaf, at, size, path)
            assert (led == root) == (at == index)
        assert verify_line.root_from_path(leaf, index, size, [*path, bytes(32)]) is None
        if path:
            assert verify_line.root_from_path(leaf, index, size, path[:-1]) != root


def test_what_stands_for_no_point_of_the_curve_is_none():
    field = verify_line.FIELD
    one, minus = (1).to_bytes(32, "little"), (1 | 1 << 255).to_bytes(32, "little")

    assert verify_line.point_of(one) == (0, 1, 1, 0)
    assert verify_line.point_of(minus) is None  # a sign where x is 0
    assert verify_line.point_of((field + 1).to_bytes(32, "little")) is None  # 1, written longer
    assert verify_line.point_of(field.to_bytes(32, "little")) is None  # 0, written longer
    assert verify_line.point_of(bytes(32)) is not None
    assert verify_line.point_of((2).to_bytes(32, "little")) is None
    assert verify_line.BASE[0] == (
        15112221349535400772501151409588531511454012693041857206046113283949847762202
    )


def test_a_proof_of_another_shape_is_not_understood():
    for text in ("[1]", "{", "7", '"x"'):
        with pytest.raises(Unreadable):
            verify_line.read_proof(text)
    report = report_on(TEXT)
    verify_line.check_proof(report, {})
    assert [what for _, what in report.troubles] == ["The proof can't be understood: 'page'."]


@pytest.mark.parametrize("text", ["AA=", "AA", "A===", "AB==", "A A=", "é", "AAAA\n"])
def test_base64_is_written_in_one_way(text):
    with pytest.raises(verify_line.BadNote, match="the root"):
        verify_line.base64_of(text, "the root")
    assert verify_line.base64_of(base64.b64encode(b"any").decode(), "it") == b"any"


def test_the_head_of_a_page_is_read_as_csv_has_it():
    rows = list(verify_line.rows_of(['a,"b\n', 'c",d\n', "e\n"]))

    assert rows == [(1, ["a", "b\nc", "d"]), (3, ["e"])]
    assert list(csv.reader(io.StringIO('a,"b\nc",d\n'))) == [["a", "b\nc", "d"]]


def test_the_program_says_what_it_takes(capsys):
    with pytest.raises(SystemExit) as ended:
        verify_line.main(["--help"])

    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert (
        "[-h] [--root HEX] [--ticket HASH] [--place N] [--proof FILE] [--checkpoint FILE]" in said
    )
    assert "[--policy FILE] [--tiles FOLDER] [--json] log Check the log of a waiting room." in said
    assert said.endswith("Exit code 1 if anything is wrong.")


def test_a_log_without_a_head_is_of_no_room():
    rows = [verify_line.COLUMNS, ["jari-line", "3", "", "", ""]]

    report = verify_line.check(enumerate(rows, start=1))

    assert (report.room, report.pages, report.drawn) == ("", 0, False)
    assert (0, CUT_OFF) in report.troubles


CUT_OFF = "The file ends without the line that gives the root: it is cut off."


def test_of_the_lines_after_the_last_one_only_the_first_is_said():
    after = lines_of(TEXT)[2:4]

    assert report_on(TEXT + "".join(after)).troubles == [
        (len(lines_of(TEXT)) + 1, "There are lines after the last one, which gives the root.")
    ]
