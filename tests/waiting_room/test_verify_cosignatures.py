"""The offline verifier on witnesses, checkpoints, policies and tiles: what holds, and each spoiling
of it with a sentence of its own."""

import base64
import json
import re
import shutil
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from tests.waiting_room.test_verify_line import (
    KEPT_SECRET,
    OPENS,
    Book,
    report_on,
    shown,
    troubles,
)
from waiting_room import draw, merkle, public_log
from waiting_room.offline import verify_line
from waiting_room.offline.verify_line import (
    BadNote,
    Policy,
    Unreadable,
    check_checkpoint,
    check_tiles,
)
from waiting_room.tlog import tiles
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import COSIGNATURE, Note, Signer
from waiting_room.tlog.proofs import Proof
from waiting_room.tlog.tiles import tiles_between

ORIGIN = "jari.example.kr/queue/seoul-60s/log"
LOG = Signer(ORIGIN, sha256(b"the log's key").digest())
NEW = Signer(ORIGIN, sha256(b"the log's next key").digest())
NAMES = ("newspaper", "city", "doctors")
WITNESSES = {
    name: Signer(f"{name}.example.kr/w", sha256(name.encode()).digest(), COSIGNATURE)
    for name in NAMES
}
SECONDS = int(OPENS.timestamp())
COMMIT = ("commit", {"commitment": draw.commitment(KEPT_SECRET)})


def planned(order="draw", people=40, **changes) -> Book:
    """A room whose plan asks for two of three witnesses, and waits five minutes for them."""
    named = "\n".join(f"{name} {signer.verifier}" for name, signer in WITNESSES.items())
    rule = {"log": ORIGIN, "witnesses": named, "quorum": 2, "wait": 300, **changes}
    book = Book(order=order, **rule)
    if order == "fifo":
        book.rule = rule
    keys = ("keys", {"keys": str(LOG.verifier)})
    acts = (COMMIT, keys) if order == "draw" else (keys,)
    return book.page(people, *acts, at=OPENS - timedelta(hours=1))


def gathered() -> Book:
    return planned().page(100, at=OPENS - timedelta(minutes=1)).freeze()


def text_of(book: Book, size: int) -> str:
    return Checkpoint(ORIGIN, size, bytes.fromhex(book.roots[size])).text()


def cosigned(book: Book, *names, size=None, after=1, text="") -> str:
    """The lines of a `witnessed` act: who cosigned how many pages, seconds after the opening."""
    size = size or len(book.roots) - 1
    lines = [
        WITNESSES[name].cosign(text or text_of(book, size), timestamp=SECONDS + after).line()
        for name in names
    ]
    return "\n".join(f"{size} {line.removesuffix(chr(10))}" for line in lines)


def witnessed(book: Book, cosignatures: str, *, act="witnessed", at=OPENS + timedelta(seconds=2)):
    return book.page(book.upto, (act, {"cosignatures": cosignatures}), at=at)


def notes(book: Book) -> str:
    return "\n".join(report_on(book.csv()).notes)


def whole() -> Book:
    book = gathered()
    witnessed(book, cosigned(book, "newspaper", "doctors")).reveal()
    return book.page(
        100,
        ("call", {"first": 1, "last": 20}),
        at=OPENS + timedelta(seconds=8),
    )


# Ed25519 without a library


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 767))
def test_signatures_are_judged_as_by_the_library(seed, message, bit):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    both = bytearray(public + signature)
    both[bit // 8] ^= 1 << bit % 8
    spoilt = bytes(both[:32]), bytes(both[32:])

    assert verify_line.is_signed(public, message, signature)
    assert not verify_line.is_signed(public, message + b"x", signature)
    try:
        Ed25519PublicKey.from_public_bytes(spoilt[0]).verify(spoilt[1], message)
        expected = True
    except (InvalidSignature, ValueError):
        expected = False
    assert verify_line.is_signed(spoilt[0], message, spoilt[1]) == expected


def test_the_third_vector_of_the_rfc_verifies():
    public = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
    signature = (
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    )

    assert verify_line.is_signed(bytes.fromhex(public), b"\xaf\x82", bytes.fromhex(signature))


@pytest.mark.parametrize("length", [0, 32, 63, 65])
def test_a_signature_of_another_length_is_none(length):
    public = LOG.verifier.key

    assert not verify_line.is_signed(public, b"", bytes(length))
    assert not verify_line.is_signed(public[:31], b"", bytes(64))


def test_a_signature_whose_number_is_too_large_is_none():
    value = LOG.sign("a\n").value
    larger = int.from_bytes(value[32:], "little") + verify_line.ORDER

    again = value[:32] + larger.to_bytes(32, "little")

    assert not verify_line.is_signed(LOG.verifier.key, b"a\n", again)


def test_a_signature_whose_number_is_the_order_itself_is_none():
    """Under the neutral point as key the number 0 fits; the order is 0, written longer."""
    neutral = (1).to_bytes(32, "little")

    assert verify_line.is_signed(neutral, b"any", neutral + bytes(32))
    order = verify_line.ORDER.to_bytes(32, "little")
    assert not verify_line.is_signed(neutral, b"any", neutral + order)


# What the log records of its witnesses


def test_a_list_that_witnesses_saw_before_its_number_existed_is_said_to_be():
    book = whole()

    assert troubles(book.csv()) == []
    assert "The closed list was cosigned by newspaper, doctors." in notes(book)
    assert "2 witnesses cosigned the closed list before the number existed." in notes(book)


def test_cosignatures_on_a_later_page_count_too():
    book = gathered()
    first = cosigned(book, "newspaper")
    book.page(110, at=OPENS + timedelta(seconds=1))
    witnessed(book, "\n".join([first, cosigned(book, "city", after=2)])).reveal()

    assert troubles(book.csv()) == []


@pytest.mark.parametrize("first", [6, 5])
def test_witnesses_who_saw_the_list_only_after_its_number_prove_nothing_of_it(first):
    """Two are needed: that one of them saw it in time is not enough."""
    book = gathered()
    signed = [cosigned(book, "newspaper", after=first), cosigned(book, "city", after=6)]
    witnessed(book, "\n".join(signed), at=OPENS + timedelta(seconds=7)).reveal(
        at=OPENS + timedelta(seconds=8)
    )

    assert troubles(book.csv()) == []
    assert "NOT SHOWN: that the list was closed before the number existed. Too few" in notes(book)


def test_a_log_without_witnesses_says_what_is_not_shown():
    book = Book().page(40, COMMIT, at=OPENS - timedelta(hours=1)).page(100).draw()

    assert troubles(book.csv()) == []
    assert "its plan asks for no witness" in notes(book)


def without_witnesses():
    return gathered().reveal()


def with_one_witness():
    book = gathered()
    return witnessed(book, cosigned(book, "city"))


def with_one_witness_twice():
    book = gathered()
    return witnessed(book, "\n".join([cosigned(book, "city")] * 2))


def with_a_witness_of_another_list():
    book = gathered()
    other = Checkpoint(ORIGIN, 3, bytes(32)).text()
    return witnessed(book, cosigned(book, "newspaper", "city", text=other))


def with_a_witness_of_another_room():
    book = gathered()
    other = text_of(book, 3).replace("seoul-60s", "busan")
    return witnessed(book, cosigned(book, "newspaper", "city", text=other))


def with_the_list_before_it_was_closed():
    book = gathered()
    return witnessed(book, cosigned(book, "newspaper", "city", size=2))


def with_a_page_that_did_not_exist():
    book = gathered()
    line = cosigned(book, "newspaper", "city").replace("3 —", "4 —")
    return witnessed(book, line)


def with_a_time_long_ago():
    book = gathered()
    return witnessed(book, cosigned(book, "newspaper", "city", after=-301))


def with_a_time_to_come():
    book = gathered()
    return witnessed(book, cosigned(book, "newspaper", "city", after=303))


def with_a_strangers_cosignature():
    book = gathered()
    stranger = Signer("newspaper.example.kr/w", bytes(32), COSIGNATURE)
    line = stranger.cosign(text_of(book, 3), timestamp=SECONDS).line()
    return witnessed(book, f"3 {line[:-1]}\n{cosigned(book, 'city')}")


def with_half_a_line():
    book = gathered()
    return witnessed(book, cosigned(book, "newspaper", "city")[:-3])


def recorded_twice():
    book = gathered()
    line = cosigned(book, "newspaper", "city")
    return witnessed(witnessed(book, line), line)


def recorded_before_the_list_was_closed():
    book = planned()
    return witnessed(book, cosigned(book, "newspaper", "city", after=-3600))


def recorded_without_a_plan():
    book = Book().page(40, COMMIT, at=OPENS - timedelta(hours=1)).freeze()
    return witnessed(book, "")


def called_in_a_room_without_a_draw():
    return planned("fifo").page(50, ("call", {"first": 1, "last": 12}))


def went_on_too_early():
    book = gathered()
    return witnessed(
        book, cosigned(book, "city"), act="unwitnessed", at=OPENS + timedelta(seconds=299)
    )


def the_plan_asks_for_more_than_it_names():
    return planned(quorum=4)


def the_plan_names_half_a_key():
    return planned(witnesses="city " + str(WITNESSES["city"].verifier)[:-3], quorum=1)


def a_witness_is_put_in_after_people_joined():
    book = planned()
    named = f"mine {Signer('mine.kr/w', bytes(32), COSIGNATURE).verifier}"
    return book.page(60, ("plan", book.plan(OPENS, witnesses=named, quorum=1)))


def the_quorum_is_lowered_after_people_joined():
    book = planned()
    return book.page(60, ("plan", book.plan(OPENS, quorum=1)))


@pytest.mark.parametrize(
    ("make", "finding"),
    [
        (without_witnesses, "The draw was held before the witnesses of the plan had cosigned"),
        (with_one_witness, "Only 1 of 2 witnesses cosigned the closed list."),
        (with_one_witness_twice, "Only 1 of 2 witnesses cosigned the closed list."),
        (with_a_witness_of_another_list, "the signature of newspaper.example.kr/w is wrong"),
        (with_a_witness_of_another_room, "the signature of newspaper.example.kr/w is wrong"),
        (with_the_list_before_it_was_closed, "of 2 pages, which is not the closed list"),
        (with_a_page_that_did_not_exist, "of 4 pages, which is not the closed list"),
        (with_a_time_long_ago, "newspaper cosigned at "),
        (with_a_time_to_come, "newspaper cosigned at "),
        (with_a_strangers_cosignature, "Only 1 of 2 witnesses cosigned the closed list."),
        (with_half_a_line, "A cosignature does not hold: the signature of city"),
        (recorded_twice, "The witnesses were recorded a second time"),
        (recorded_before_the_list_was_closed, "recorded before the list was closed"),
        (recorded_without_a_plan, "or without a plan"),
        (called_in_a_room_without_a_draw, "Places 1 to 12 were called before the witnesses"),
        (went_on_too_early, "before the plan's wait of 300 s was over"),
        (the_plan_asks_for_more_than_it_names, "asks for more witnesses than it names"),
        (the_plan_names_half_a_key, "This line can't be understood"),
        (a_witness_is_put_in_after_people_joined, "set or changed after people had joined"),
        (the_quorum_is_lowered_after_people_joined, "set or changed after people had joined"),
    ],
)
def test_witnesses_that_were_not_asked_as_planned_are_found(make, finding):
    found = troubles(make().csv())

    assert any(finding in what for what in found), found


def test_a_line_that_went_on_without_its_witnesses_names_those_who_were_away():
    book = gathered()
    late = OPENS + timedelta(seconds=300)
    witnessed(book, cosigned(book, "city"), act="unwitnessed", at=late).reveal(at=late)

    assert troubles(book.csv()) == []
    assert (
        "WITHOUT QUORUM: 1 of the 2 witnesses that the plan asks for had cosigned when its wait "
        "was over. Missing: newspaper, doctors."
    ) in notes(book)
    assert "NOT SHOWN: that the list was closed before the number existed." in notes(book)


def test_a_room_without_a_draw_needs_the_page_of_the_last_who_gathered():
    book = planned("fifo").page(50, at=OPENS)
    early = cosigned(book, "newspaper", "city", size=1)
    good = witnessed(book, cosigned(book, "newspaper", "city"))
    good.page(50, ("call", {"first": 1, "last": 12}))
    assert troubles(good.csv()) == []

    book = planned("fifo").page(50, at=OPENS)
    assert any("not the closed list" in what for what in troubles(witnessed(book, early).csv()))


def test_a_room_without_a_draw_waits_for_the_page_of_those_from_before_the_opening_only():
    book = planned("fifo").page(50, at=OPENS)
    signed = cosigned(book, "newspaper", "city")
    book.joined = lambda entry: OPENS + timedelta(seconds=entry - 51)
    book.page(60, at=OPENS + timedelta(seconds=1))

    witnessed(book, signed).page(60, ("call", {"first": 1, "last": 12}))

    assert troubles(book.csv()) == []


def test_a_line_in_which_nobody_gathered_needs_its_first_page_only():
    book = planned("fifo", people=0)

    assert troubles(witnessed(book, cosigned(book, "newspaper", "city")).csv()) == []


@pytest.mark.parametrize(("after", "is_in_time"), [(-300, 1), (-301, 0), (302, 1), (303, 0)])
def test_a_cosignature_is_of_a_time_between_its_page_and_the_act(after, is_in_time):
    """The page is of the opening, the act of two seconds later; five minutes are let pass."""
    book = gathered()
    signed = cosigned(book, "newspaper", "city", after=after)

    found = [what for what in troubles(witnessed(book, signed).csv()) if "out of time" in what]

    assert len(found) == (0 if is_in_time else 2)


@pytest.mark.parametrize(("wait", "seconds"), [(300, 300), (None, 0)])
def test_a_room_without_a_draw_waits_from_its_opening_on(wait, seconds):
    def went_on(after):
        book = planned("fifo", wait=wait).page(50, at=OPENS)
        at = OPENS + timedelta(seconds=after)
        return troubles(witnessed(book, "", act="unwitnessed", at=at).csv())

    assert went_on(seconds) == []
    assert went_on(seconds - 1) == [
        f"The line went on before the plan's wait of {wait or 0} s was over."
    ]


# Keys of the log


def changed_keys(*keys: Signer) -> Book:
    book = planned()
    return book.page(60, ("keys", {"keys": "\n".join(str(key.verifier) for key in keys)}))


def test_a_change_of_keys_that_the_old_one_signed_over_is_told_from_a_lost_key():
    both, lost = notes(changed_keys(NEW, LOG)), notes(changed_keys(NEW))

    assert f"On {shown(OPENS)} the keys of the log were changed." in both
    assert "did not sign over" not in both
    assert "replaced by one that the key before did not sign over" in lost
    assert troubles(changed_keys(NEW, LOG).csv()) == []
    assert "the keys of the log were changed" not in notes(planned())
    assert "the keys of the log were changed" not in notes(changed_keys(LOG))


def test_a_key_of_another_log_among_the_keys_is_found():
    book = changed_keys(LOG, Signer("other.kr/log", bytes(32)))

    assert troubles(book.csv()) == ["The keys of the log have different names."]


# Checkpoints that were kept, under a policy that was kept


POLICY = (
    f"log {LOG.verifier} https://jari.example.kr/queue/seoul-60s/log\n\n"
    + "".join(
        f"witness {name} {signer.verifier} https://{name}.example.kr\n"
        for name, signer in WITNESSES.items()
    )
    + "# two of three\ngroup witnesses 2 newspaper city doctors\nquorum witnesses\n"
)
BOOK = whole()
REPORT_TEXT = BOOK.csv()


def note_of(book, size, *names, signers=(LOG,), after=60, text="") -> str:
    text = text or text_of(book, size)
    cosignatures = [
        WITNESSES[name].cosign(text, timestamp=SECONDS + after).line() for name in names
    ]
    return f"{text}\n" + "".join([*(s.sign(text).line() for s in signers), *cosignatures])


def judged(note: str, policy: str | None = POLICY, text: str = REPORT_TEXT):
    report = report_on(text)
    check_checkpoint(report, note, None if policy is None else Policy(policy))
    return report


def test_a_cosigned_checkpoint_counts():
    report = judged(note_of(BOOK, 6, "newspaper", "city"))

    assert report.troubles == []
    assert "The checkpoint is of this very log, of 6 pages." in report.notes
    at = shown(OPENS + timedelta(seconds=60))
    assert f"newspaper cosigned the checkpoint at {at}." in report.notes


def test_a_checkpoint_of_no_page_is_cosigned_at_any_time():
    report = report_on(REPORT_TEXT)

    note = note_of(BOOK, 0, "newspaper", "city", after=-86_400)
    verify_line.check_checkpoint(report, note, verify_line.Policy(POLICY))

    assert report.troubles == []


def test_cosignatures_from_before_the_first_page_count_for_nothing():
    report = report_on(REPORT_TEXT)

    note = note_of(BOOK, 1, "newspaper", "city", after=-86_400)
    verify_line.check_checkpoint(report, note, verify_line.Policy(POLICY))

    early = shown(OPENS - timedelta(days=1))
    assert [what for _, what in report.troubles] == [
        f"newspaper cosigned at {early}, before the last page was written.",
        f"city cosigned at {early}, before the last page was written.",
        "The policy asks for 2 of (newspaper, city, doctors); the checkpoint was cosigned by "
        "nobody.",
    ]


def test_an_older_checkpoint_is_told_from_a_newer_and_a_forked_one():
    older = judged(note_of(BOOK, 4, "newspaper", "city"))
    newer = judged(note_of(BOOK, 6, "newspaper", "city").replace("\n6\n", "\n7\n"), None)
    other = Checkpoint(ORIGIN, 5, bytes(32)).text()
    forked = judged(note_of(BOOK, 5, "newspaper", "city", text=other))

    assert (older.troubles, older.newer) == ([], False)
    assert "The log goes on from the older checkpoint of 4 pages." in older.notes
    assert (newer.troubles, newer.newer) == ([], True)
    assert any(note.startswith("The checkpoint is newer than this file") for note in newer.notes)
    assert [what.split(":")[0] for _, what in forked.troubles] == ["FORKED"]


def test_without_a_policy_it_is_said_what_remains_unchecked():
    report = judged(note_of(BOOK, 6), None)

    assert report.troubles == []
    assert any(note.startswith("NOT CHECKED: who signed") for note in report.notes)


def test_a_policy_without_witnesses_says_that_nobody_else_cosigns():
    report = judged(note_of(BOOK, 6), f"log {LOG.verifier}\nquorum none\n")

    assert report.troubles == []
    assert "NOT SHOWN: that others see this log too. No witness cosigns it." in report.notes


def test_a_kind_of_key_that_is_not_known_here_is_not_checked():
    public = base64.b64encode(b"\x06" + bytes(1312)).decode()
    key_id = sha256(b"w.kr\n\x06" + bytes(1312)).digest()[:4].hex()
    policy = POLICY.replace("quorum", f"witness lattice w.kr+{key_id}+{public}\nquorum")

    report = judged(note_of(BOOK, 6, "newspaper", "city"), policy)

    assert report.troubles == []
    assert "NOT CHECKED: lattice, whose kind of key is not known here." in report.notes


GOOD = note_of(BOOK, 6, "newspaper", "city")


def in_another_order_of_lines(note: str) -> str:
    origin, size, *rest = note.split("\n")
    return "\n".join([origin, rest[0], size, *rest[1:]])


def spoil(find: str, put: str):
    return lambda note: note.replace(find, put, 1)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda note: note[: note.index("\n\n")], "can't be read: it is cut off"),
        (lambda note: note[:-1], "can't be read: it is cut off"),
        (spoil("\n6\n", "\n06\n"), "“06” is no size"),
        (in_another_order_of_lines, "is no size"),
        (spoil("\n6\n", "\n٦\n"), "“٦” is no size"),
        (spoil("\n6\n", "\n\n6\n"), "no three lines"),
        (spoil("jari", "ja\x00ri"), "control characters"),
        (spoil("=\n\n", "\n\n"), "the root is no base64"),
        (lambda note: note.replace(note.split("\n")[2], "AAAA"), "the root is no hash"),
        (spoil("—", "-"), "is no signature line"),
        (lambda note: note[:-4] + "\n", "is no base64"),
        (spoil("seoul-60s/log\n", "busan/log\n"), "is of another log"),
        (
            lambda note: note_of(BOOK, 6, "newspaper", "city", text=text_of(BOOK, 4)).replace(
                "\n4\n", "\n6\n", 1
            ),
            "FORKED",
        ),
        (
            lambda note: note_of(BOOK, 6, "city", "doctors", signers=[NEW]),
            "No key of the policy signed the checkpoint.",
        ),
        (
            lambda note: text_of(BOOK, 6) + note_of(BOOK, 5, "city", "doctors")[-400:],
            "",
        ),
        (
            lambda note: note_of(BOOK, 6, "newspaper"),
            "asks for 2 of (newspaper, city, doctors); the checkpoint was cosigned by newspaper.",
        ),
        (lambda note: note_of(BOOK, 6), "the checkpoint was cosigned by nobody."),
        (
            lambda note: note_of(BOOK, 6, "newspaper", "city", after=-400),
            "before the last page was written",
        ),
        (
            lambda note: "\n".join(
                [*note_of(BOOK, 6, "city").split("\n")[:4],
                 *note_of(BOOK, 5, "city", "doctors").split("\n")[4:]]
            ),
            "the signature of jari.example.kr/queue/seoul-60s/log is wrong",
        ),
    ],
)  # fmt: skip
def test_a_spoilt_checkpoint_is_refused_with_its_reason(change, finding):
    spoilt = change(GOOD)
    assert spoilt != GOOD

    found = [what for _, what in judged(spoilt).troubles]

    assert found
    assert any(finding in what for what in found), found
    assert {line for line, _ in judged(spoilt).troubles} == {0}  # of no line of the log


def test_a_key_that_the_log_names_and_the_policy_does_not_is_said():
    book = changed_keys(NEW)

    found = judged(note_of(book, 2, "newspaper", "city", signers=[NEW]), POLICY, book.csv())

    assert [what for _, what in found.troubles] == [
        "No key of the policy signed the checkpoint. One that the log names since did: compare it "
        "with the announcement."
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (spoil("quorum witnesses\n", ""), "no line “quorum”"),
        (spoil("quorum witnesses", "quorum nobody"), "line 8: “quorum nobody” is not understood"),
        (spoil("quorum witnesses", "quorum none\nquorum none"), "line 9"),
        (spoil("witnesses 2", "witnesses 4"), "asks for 4 of 3"),
        (spoil("witnesses 2", "witnesses 0"), "asks for 0 of 3"),
        (spoil("witnesses 2", "witnesses many"), "line 7"),
        (spoil("newspaper city doctors", "newspaper city city"), "unknown or named before"),
        (spoil("newspaper city doctors", "newspaper city other"), "unknown or named before"),
        (spoil("newspaper city doctors", "newspaper city none"), "unknown or named before"),
        (spoil("quorum", "group more any city\nquorum"), "unknown or named before"),
        (spoil("witness city", "witness newspaper"), "line 4"),
        (spoil("witness city", "witnes city"), "line 4: “witnes city"),
        (spoil("+", "-"), "line 1"),
        (lambda text: text + str(text.split("\n")[0]), "stands there twice"),
        (spoil("log ", "log\x0b"), "control characters"),
    ],
)
def test_a_policy_that_is_none_is_refused_with_its_line(change, why):
    with pytest.raises(BadNote, match=why):
        Policy(change(POLICY))


@pytest.mark.parametrize(
    "line", ["group few 1", "group few", "group city 1 doctors", "group none any city", "quorum"]
)
def test_a_line_of_a_policy_that_is_not_whole_is_not_understood(line):
    with pytest.raises(BadNote, match=f"line 7: “{line}” is not understood here"):
        Policy(spoil("group witnesses", f"{line}\ngroup witnesses")(POLICY))


def test_a_policy_says_what_it_asks_for():
    alone = "".join(POLICY.partition("# two")[0]).replace("witness city", "witness cityX")

    assert Policy(f"{alone}quorum none").asks_for() == "no witness"
    assert Policy(f"{alone}quorum cityX \t").asks_for() == "cityX"
    assert Policy(f"{alone}group a any cityX\nquorum a").asks_for() == "1 of (cityX)"


def test_a_policy_of_groups_of_groups_is_read_as_the_specification_has_it():
    text = POLICY.replace("group witnesses 2 newspaper city doctors\nquorum witnesses\n", "")
    policy = Policy(
        text + "group some any city doctors\n\tgroup all all newspaper some \nquorum all"
    )

    met = [
        policy.is_met(set(names))
        for names in [(), ("city",), ("newspaper",), ("newspaper", "city")]
    ]

    assert met == [False, False, False, True]
    assert policy.asks_for() == "2 of (newspaper, 1 of (city, doctors))"


# Proofs of a ticket


def proof_text(book=BOOK, size=6, entry=3, names=("newspaper", "city")) -> str:
    page, tickets, acts = book.pages[1]
    leaves = [public_log.leaf_for_ticket("seoul-60s", *ticket) for ticket in tickets] + acts
    found = public_log.prove(page=page, leaves=leaves, index=entry, size=size, read=book.read)
    extra = json.dumps({name: found[name] for name in ("leaf", "index", "page_path", "page")})
    steps = [bytes.fromhex(step) for step in found["log_path"]]
    note = Note.parse(note_of(book, size, *names))
    return str(Proof(page.number - 1, steps, note, extra.encode()))


def proved(text: str, policy=POLICY) -> tuple[list[str], list[str]]:
    report = report_on(REPORT_TEXT)
    proof, note = verify_line.read_proof(text)
    verify_line.check_proof(report, proof)
    check_checkpoint(report, note, Policy(policy))
    return [what for _, what in report.troubles], report.notes


def test_a_proof_holds_with_the_checkpoint_that_it_leads_to():
    wrong, said = proved(proof_text())

    assert wrong == []
    assert "The proof holds, and its root is in the history of this log." in said
    assert "The checkpoint is of this very log, of 6 pages." in said


def test_a_proof_under_an_older_checkpoint_holds():
    wrong, said = proved(proof_text(size=4))

    assert wrong == []
    assert "The log goes on from the older checkpoint of 4 pages." in said


def with_extra(**changes):
    def change(text: str) -> str:
        lines = text.split("\n")
        extra = json.loads(base64.b64decode(lines[1].removeprefix("extra "))) | changes
        lines[1] = "extra " + base64.b64encode(json.dumps(extra).encode()).decode()
        return "\n".join(lines)

    return change


def without_line(number):
    return lambda text: "\n".join(text.split("\n")[:number] + text.split("\n")[number + 1 :])


def in_another_order(text: str) -> str:
    lines = text.split("\n")
    lines[3], lines[4] = lines[4], lines[3]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (spoil("@v1", "@v2"), "its format is another than tlog-proof@v1"),
        (without_line(1), "the way to the page is missing"),
        (lambda text: text.split("\n\n")[0], "it is cut off"),
        (lambda text: text[:-1], "it is cut off"),
        (without_line(2), "does not say which page"),
        (spoil("index 1", "index 01"), "does not say which page"),
        (spoil("index 1", "index 2"), "mixed from two proofs"),
        (spoil("index 1\n", "index 1\n!"), "a step of the proof is no base64"),
        (with_extra(page="{}"), "can't be read: 'number'"),
        (lambda text: "{", "can't be read"),
        (lambda text: "[1]", "can't be read"),
    ],
)
def test_a_proof_that_is_none_is_refused_with_its_reason(change, why):
    with pytest.raises(Unreadable, match=re.escape(why)):
        verify_line.read_proof(change(proof_text()))


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (in_another_order, "The proof does not lead from its page to its root."),
        (without_line(3), "The proof does not lead from its page to its root."),
        (with_extra(index=4), "The proof does not lead from its ticket to its page."),
        (with_extra(leaf="ticket,x"), "The proof does not lead from its ticket to its page."),
        (with_extra(page_path=["00"]), "The proof does not lead from its ticket to its page."),
        (with_extra(page_path=7), "The proof can't be understood"),
        (lambda text: proof_text(names=["city"]), "asks for 2 of"),
    ],
)
def test_a_proof_that_leads_elsewhere_is_found(change, finding):
    wrong, _said = proved(change(proof_text()))

    assert any(finding in what for what in wrong), wrong


def test_a_proof_of_a_forked_log_is_found():
    fork = gathered()
    witnessed(fork, "").reveal().page(100)

    wrong, _said = proved(proof_text(fork))

    assert wrong[0] == "The proof is right in itself, but its root was never that of this log."
    assert wrong[1].startswith("FORKED")


# Tiles


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A log of 300 pages and its files."""
    book = Book(order="fifo", log=ORIGIN)
    for upto in range(1, 301):
        book.page(upto)
    folder = tmp_path_factory.mktemp("log")
    write(book, folder)
    return book, folder


def write(book: Book, folder: Path, old: int = 0) -> None:
    records = [page.record() for page, _, _ in book.pages]
    for tile in tiles_between(old, len(records)):
        path = folder / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if tile.level is None:
            path.write_bytes(tiles.bundle([records[number - 1] for number in tile.numbers()]))
        else:
            path.write_bytes(tiles.hashes_of(tile, book.read))
    (folder / "checkpoint").write_text(note_of(book, len(records), "newspaper", "city"))


@pytest.fixture
def files(many, tmp_path):
    shutil.copytree(many[1], tmp_path / "log")
    return tmp_path / "log"


def tile_report(book: Book, folder: Path):
    report = report_on(book.csv())
    check_tiles(report, folder, Policy(POLICY))
    return report


def test_the_files_of_a_log_hold_what_its_pages_give(many, files):
    assert tile_report(many[0], files).troubles == []


def test_files_that_grew_are_right_with_what_they_had_before(many, files, tmp_path):
    book = many[0]
    early = Book(order="fifo", log=ORIGIN)
    for upto in range(1, 101):
        early.page(upto)
    write(early, tmp_path / "grown")
    shutil.copytree(files, tmp_path / "grown", dirs_exist_ok=True)

    assert tile_report(book, tmp_path / "grown").troubles == []


HASHES, PART = "tile/0/000", "tile/0/001.p/44"
ENTRIES, TOP = "tile/entries/000", "tile/1/000.p/1"


def cut(count):
    return lambda content: content[:count]


def turned(content):
    return content[32:64] + content[:32] + content[64:]


OTHER = b"".join(sha256(bytes([n])).digest() for n in range(256))


@pytest.mark.parametrize(
    ("name", "change", "finding"),
    [
        (HASHES, cut(-1), "ends in the middle of a hash"),
        (HASHES, cut(-32), "holds 255 of 256: it is cut off"),
        (HASHES, lambda content: content + content[:32], "holds 257 of 256"),
        (HASHES, turned, "in another order"),
        (HASHES, lambda content: OTHER, "is of another log"),
        (HASHES, lambda content: content[:64] + OTHER[64:], "mixed: from number 3 on"),
        (PART, lambda content: b"", "holds 0 of 44"),
        (PART, lambda content: OTHER[: len(content)], "is of another log"),
        (TOP, lambda content: OTHER[:32], "is of another log"),
        (ENTRIES, cut(-1), "ends in the middle of an entry"),
        (ENTRIES, lambda content: content + b"\0", "ends in the middle of an entry"),
        (ENTRIES, lambda content: content + b"\0\0", "holds 257 of 256"),
        (
            ENTRIES,
            lambda content: content.replace(b"seoul", b"busan", 1),
            "mixed: from number 1 on",
        ),
    ],
)
def test_a_spoilt_tile_is_found_with_its_reason(many, files, name, change, finding):
    path = files / name
    path.write_bytes(change(path.read_bytes()))

    found = [what for _, what in tile_report(many[0], files).troubles]

    assert len(found) == 1
    assert found[0].startswith(f"{name} ")
    assert finding in found[0]


def test_a_tile_in_the_place_of_another_is_found(many, files):
    shutil.copy(files / HASHES, files / "tile/0/spare")
    (files / PART).write_bytes((files / HASHES).read_bytes()[: 44 * 32])

    found = [what for _, what in tile_report(many[0], files).troubles]

    assert found == [
        f"{PART} belongs in another place of this log.",
        "tile/0/spare is no path of a tile.",
    ]


def test_files_that_are_missing_or_older_than_their_checkpoint_are_named(many, files):
    (files / PART).unlink()
    (files / ENTRIES).unlink()

    found = [what for _, what in tile_report(many[0], files).troubles]

    assert found == [f"{PART} is not there, nor are 1 others: files are missing."]


def test_one_missing_file_is_named_alone(many, files):
    (files / PART).unlink()

    found = tile_report(many[0], files).troubles

    assert found == [(0, f"{PART} is not there: files are missing.")]


def test_tiles_newer_than_the_file_are_told_from_forked_ones(many, files):
    book = Book(order="fifo", log=ORIGIN)
    for upto in range(1, 281):
        book.page(upto)

    report = tile_report(book, files)

    assert report.troubles == []
    assert report.newer
    assert any(note.startswith(f"{PART} is newer than this file") for note in report.notes)


def test_levels_and_names_are_those_of_the_portal():
    size = 66_000
    leaves = [sha256(number.to_bytes(4)).digest() for number in range(size)]
    nodes: dict[int, bytes] = {}

    def read(numbers):
        return {number: nodes[number] for number in numbers}

    for number, leaf in enumerate(leaves, start=1):
        nodes[number] = merkle.nodes_ending_with(number, leaf, read)
    levels = verify_line.levels_of(leaves)

    for tile in tiles_between(0, size):
        if tile.level:
            at = slice(tile.index * 256, tile.index * 256 + tile.width)
            assert b"".join(levels[tile.level][at]) == tiles.hashes_of(tile, read)
    for count in (1, 255, 256, 257, 65_536, size, 256_261):
        assert set(verify_line.tiles_of(count)) == {t.path for t in tiles_between(0, count)}


# The command line


def run(tmp_path, *arguments: str) -> tuple[int, list[str]]:
    (tmp_path / "line.csv").write_text(REPORT_TEXT)
    return verify_line.main([str(tmp_path / "line.csv"), *arguments])


def test_the_program_takes_checkpoint_policy_and_tiles(tmp_path, capsys):
    write(BOOK, tmp_path / "log")
    for name, text in [("policy", POLICY), ("good", GOOD), ("bad", GOOD[:-9])]:
        (tmp_path / name).write_text(text)
    policy = ["--policy", str(tmp_path / "policy")]

    good = run(
        tmp_path, *policy, "--checkpoint", str(tmp_path / "good"), "--tiles", str(tmp_path / "log")
    )
    bad = run(
        tmp_path,
        *policy,
        "--checkpoint",
        str(tmp_path / "good"),
        "--checkpoint",
        str(tmp_path / "bad"),
    )
    (tmp_path / "policy").write_text("quorum x")
    unreadable = run(tmp_path, *policy)
    missing = run(tmp_path, "--tiles", str(tmp_path / "nowhere"))

    assert (good, bad, unreadable, missing) == (0, 1, 2, 2)
    said = capsys.readouterr()
    assert "newspaper cosigned the checkpoint" in said.out
    assert "The policy can't be read: line 1" in said.err


def test_a_note_of_the_portal_is_read_as_the_portal_writes_it():
    text = text_of(BOOK, 6)
    note = Note(text, (LOG.sign(text), WITNESSES["city"].cosign(text, timestamp=SECONDS + 9)))

    parsed = verify_line.Checkpoint.parse(str(note))

    assert (parsed.origin, parsed.size, parsed.root) == (ORIGIN, 6, BOOK.roots[6])
    keys = [verify_line.Key.parse(str(s.verifier)) for s in (LOG, WITNESSES["city"], NEW)]
    assert [verify_line.signed_at(parsed, key) for key in keys] == [0, SECONDS + 9, None]


def test_the_program_checks_the_checkpoint_in_a_proof_and_answers_in_two_ways(tmp_path, capsys):
    log, proof, policy = (tmp_path / name for name in ("line.csv", "proof", "policy"))
    log.write_text(REPORT_TEXT, encoding="utf-8")
    proof.write_text(proof_text(), encoding="utf-8")
    policy.write_text(POLICY, encoding="utf-8")
    arguments = [str(log), "--proof", str(proof), "--policy", str(policy)]

    assert verify_line.main(arguments) == 0
    words = capsys.readouterr().out
    assert verify_line.main([*arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)

    assert "newspaper cosigned the checkpoint at " in words
    assert words.endswith("Everything is in order.\n")
    assert answer["good"] is True
