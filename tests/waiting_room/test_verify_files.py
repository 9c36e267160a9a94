"""The offline verifier on what was kept beside the log: whose signature counts, whose a file is."""

import base64
import json
from hashlib import sha256

import pytest

from tests.waiting_room.test_verify_cosignatures import (
    BOOK,
    ENTRIES,
    HASHES,
    LOG,
    NEW,
    ORIGIN,
    PART,
    POLICY,
    REPORT_TEXT,
    SECONDS,
    WITNESSES,
    judged,
    note_of,
    text_of,
    tile_report,
    write,
)
from tests.waiting_room.test_verify_cosignatures import files as files
from tests.waiting_room.test_verify_cosignatures import many as many
from tests.waiting_room.test_verify_line import DAY, TEXT, Book, hash_of, report_on
from waiting_room import public_log
from waiting_room.offline import verify_line
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import Signature, Signer
from waiting_room.tlog.proofs import Proof

# Proofs


def proof_on_the_page(number: int, index: int, **changes: object) -> dict[str, object]:
    page, tickets, acts = DAY.pages[number - 1]
    leaves = [public_log.leaf_for_ticket("seoul-60s", *ticket) for ticket in tickets] + acts
    proof = public_log.prove(page=page, leaves=leaves, index=index, size=8, read=DAY.read)
    return proof | changes


def test_a_proof_from_a_page_with_acts_holds():
    report = report_on(TEXT)

    verify_line.check_proof(report, proof_on_the_page(1, 7))

    assert hash_of(8) in str(proof_on_the_page(1, 7)["leaf"])
    assert report.troubles == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"leaf": "x"}, "The proof does not lead from its ticket to its page."),
        ({"log_path": []}, "The proof does not lead from its page to its root."),
        ({"page": "{"}, None),
    ],
)
def test_what_is_wrong_with_a_proof_is_of_no_line_of_the_log(changes, sentence):
    report = report_on(TEXT)

    verify_line.check_proof(report, proof_on_the_page(1, 7, **changes))

    [(line, what)] = report.troubles
    assert line == 0
    assert what.startswith(sentence or "The proof can't be understood: ")


def kept(size: int, index: int = 7) -> str:
    """The proof of a ticket on the first page, as the ticket page saves it."""
    proof = proof_on_the_page(1, index)
    extra = {name: proof[name] for name in ("leaf", "index", "page_path", "page")}
    steps = [bytes.fromhex(step) for step in proof["log_path"]] if size > 1 else []
    note = Checkpoint(ORIGIN, size, bytes.fromhex(DAY.roots[size])).signed_by([LOG])
    return str(Proof(0, steps, note, json.dumps(extra).encode()))


@pytest.mark.parametrize("size", [1, 8])
def test_a_proof_of_a_log_of_one_page_has_no_steps(size):
    report = report_on(TEXT)

    proof, _note = verify_line.read_proof(kept(size))
    verify_line.check_proof(report, proof)

    assert report.troubles == []
    assert proof["size"] == size


def test_a_way_to_the_page_that_is_no_base64_is_said():
    with pytest.raises(verify_line.Unreadable, match="the way to the page is no base64"):
        verify_line.read_proof(kept(8).replace("extra ", "extra !"))


def test_a_proof_of_another_history_is_of_no_line_either():
    other = Book(order="fifo").page(3)
    page, tickets, acts = other.pages[0]
    leaves = [public_log.leaf_for_ticket("seoul-60s", *ticket) for ticket in tickets] + acts
    report = report_on(TEXT)

    proof = public_log.prove(page=page, leaves=leaves, index=0, size=1, read=other.read)
    verify_line.check_proof(report, proof)

    assert report.troubles == [
        (0, "The proof is right in itself, but its root was never that of this log.")
    ]


# Who signed


def policy(*logs: Signer, rest: str = "quorum none") -> str:
    return "".join(f"log {log.verifier}\n" for log in logs) + rest


def test_one_of_two_keys_of_a_log_is_enough():
    for signers in ([LOG], [NEW], [LOG, NEW]):
        report = judged(note_of(BOOK, 6, signers=signers), policy(LOG, NEW))
        assert report.troubles == []


def test_a_policy_of_another_log_is_said():
    report = judged(note_of(BOOK, 6), policy(Signer("other.kr/log", bytes(32))))

    assert report.troubles == [(0, f"The policy has no key of the log {ORIGIN}.")]


def test_a_key_that_nobody_named_is_not_taken_for_the_logs_next():
    stranger = Signer(ORIGIN, bytes(32))

    report = judged(note_of(BOOK, 6, signers=[stranger]), policy(LOG))

    assert report.troubles == [(0, "No key of the policy signed the checkpoint.")]


def test_where_witnesses_are_enough_nothing_is_left_unshown():
    report = judged(note_of(BOOK, 6, "newspaper", "city"))

    assert not [note for note in report.notes[len(report_on(REPORT_TEXT).notes) :] if "NOT" in note]


def test_a_signature_of_a_kind_that_is_not_known_is_left_alone():
    public = b"\x06" + bytes(1312)
    key_id = sha256(b"w.kr\n" + public).digest()[:4]
    vkey = f"w.kr+{key_id.hex()}+{base64.b64encode(public).decode()}"
    signed = note_of(BOOK, 6, "newspaper", "city")
    lattice = Signature("w.kr", key_id, bytes(2420)).line()

    report = judged(signed + lattice, POLICY.replace("group", f"witness w {vkey}\ngroup"))

    assert report.troubles == []
    assert "NOT CHECKED: w, whose kind of key is not known here." in report.notes


@pytest.mark.parametrize(("after", "is_right"), [(-300, True), (-301, False)])
def test_a_witness_may_be_five_minutes_behind_the_last_page(after, is_right):
    written = SECONDS + 8  # page 6 of the log
    text = text_of(BOOK, 6)
    lines = [LOG.sign(text).line()] + [
        WITNESSES[name].cosign(text, timestamp=written + after).line()
        for name in ("newspaper", "city")
    ]

    report = judged(f"{text}\n{''.join(lines)}")

    assert (report.troubles == []) == is_right
    assert is_right or "before the last page was written" in report.troubles[0][1]


# The log as files


def troubles_of(book, folder) -> list[str]:
    report = tile_report(book, folder)
    assert {line for line, _ in report.troubles} <= {0}
    return [what for _, what in report.troubles]


def test_the_checkpoint_beside_the_files_is_checked(many, files):
    text = Checkpoint(ORIGIN, 300, bytes(32)).text()
    (files / "checkpoint").write_text(note_of(many[0], 300, "newspaper", "city", text=text))

    assert [what.split(":")[0] for what in troubles_of(many[0], files)] == ["FORKED"]


def test_a_checkpoint_that_is_no_text_is_said(many, files):
    (files / "checkpoint").write_bytes(b"\xff\xfe\n\n\xff")

    assert [what.split(":")[0] for what in troubles_of(many[0], files)] == [
        "The checkpoint can't be read"
    ]


def test_files_that_are_being_written_are_passed_over(many, files):
    (files / "tile/0/.000-aside").write_bytes(b"half")

    assert troubles_of(many[0], files) == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [(HASHES, "ends in the middle of a hash."), (ENTRIES, "ends in the middle of an entry.")],
)
def test_a_cut_file_is_said_in_these_words(many, files, name, sentence):
    (files / name).write_bytes((files / name).read_bytes()[:-1])

    assert troubles_of(many[0], files) == [f"{name} {sentence}"]


def shorter_book(size: int) -> Book:
    book = Book(order="fifo", log=ORIGIN)
    for upto in range(1, size + 1):
        book.page(upto)
    return book


def test_of_a_log_that_is_newer_nobody_knows_what_is_missing(files):
    (files / PART).unlink()

    report = tile_report(shorter_book(280), files)

    assert (report.troubles, report.newer) == ([], True)


def test_a_single_newer_file_makes_the_file_of_the_log_the_older(many, files, tmp_path):
    book = shorter_book(280)
    write(book, tmp_path / "old")
    (tmp_path / "old" / PART).write_bytes((files / PART).read_bytes())

    report = tile_report(book, tmp_path / "old")

    assert report.troubles == []
    assert report.newer
    assert report.notes[-1] == f"{PART} is newer than this file: download the log again."


@pytest.mark.parametrize("name", ["tile/0/x001/000", "tile/2/000.p/1", "tile/3/000"])
def test_files_of_a_much_larger_log_are_newer(many, files, name):
    width = int(name.rpartition("/")[2]) if ".p/" in name else 256
    path = files / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(32 * width))

    report = tile_report(many[0], files)

    assert (report.troubles, report.newer) == ([], True)
    assert report.notes[-1].startswith(f"{name} is newer than this file")
