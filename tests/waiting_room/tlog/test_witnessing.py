"""What the portal writes to a witness, and which answers it takes for a cosignature."""

import base64

import pytest

from tests.waiting_room.tlog.logs import SIGNER, Log
from waiting_room.tlog.notes import COSIGNATURE, BadNote, Note, Signer, parse_signature
from waiting_room.tlog.witnessing import (
    BadAnswer,
    BadWitness,
    Behind,
    Trouble,
    Witness,
    cosignature_in,
    majority,
    parse_witnesses,
    request,
)

NOW = 1_783_850_400
KEY = Signer("news.example.kr/witness", bytes(range(32)), COSIGNATURE)
OTHER = Signer("city.example.kr/witness", bytes(32), COSIGNATURE)
WITNESS = Witness("newspaper", KEY.verifier, "https://witness.example.kr/seoul")


@pytest.fixture(scope="module")
def log():
    return Log(9)


@pytest.fixture(scope="module")
def note(log):
    return log.checkpoint(9)


def read(note, status, body, kind="text/plain"):
    return cosignature_in(status, kind, body, witness=WITNESS, checkpoint=note, now=NOW)


def signed(note, key=KEY, timestamp=NOW) -> str:
    return key.cosign(note.text, timestamp=timestamp).line()


def test_the_request_is_written_as_the_specification_has_it(log, note):
    body = request(5, log.proof(5, 9), note).decode()

    head, _, rest = body.partition("\n\n")
    assert head.split("\n") == ["old 5", *(base64.b64encode(s).decode() for s in log.proof(5, 9))]
    assert rest == str(note)


def test_the_cosignature_is_found_among_others(note):
    answer = signed(note, OTHER) + signed(note) + SIGNER.sign(note.text).line()

    found = read(note, 200, answer.encode())

    assert found.line() == signed(note)


def line_of(note, value: bytes) -> str:
    return f"— {KEY.verifier.name} {base64.b64encode(KEY.verifier.key_id + value).decode()}\n"


WRONG = {
    "of another log": (
        lambda note: signed(Log(9, salt=4).checkpoint(9)),
        Trouble.WRONG_SIGNATURE,
    ),
    "of an older log": (lambda note: signed(Log(8).checkpoint(8)), Trouble.WRONG_SIGNATURE),
    "with another time than it signed": (
        lambda note: line_of(note, (NOW + 1).to_bytes(8) + _value(signed(note))[8:]),
        Trouble.WRONG_SIGNATURE,
    ),
    "without a time": (
        lambda note: line_of(note, bytes(8) + _value(signed(note))[8:]),
        Trouble.WRONG_SIGNATURE,
    ),
    "cut": (lambda note: line_of(note, _value(signed(note))[:-1]), Trouble.WRONG_SIGNATURE),
    "a plain signature of the text": (
        lambda note: line_of(note, Signer("x", bytes(range(32))).sign(note.text).value),
        Trouble.WRONG_SIGNATURE,
    ),
    "for a time long ago": (lambda note: signed(note, timestamp=NOW - 301), Trouble.WRONG_TIME),
    "for a time to come": (lambda note: signed(note, timestamp=NOW + 301), Trouble.WRONG_TIME),
    "by somebody else": (lambda note: signed(note, OTHER), Trouble.MISSING),
    "by its name and another key": (
        lambda note: signed(note, Signer(KEY.verifier.name, bytes(32), COSIGNATURE)),
        Trouble.MISSING,
    ),
    "empty": (lambda note: "", Trouble.NO_ANSWER),
    "a page": (lambda note: "<html></html>\n", Trouble.NO_ANSWER),
    "without its end": (lambda note: signed(note)[:-1], Trouble.NO_ANSWER),
    "no base64": (lambda note: signed(note).replace("=", "?"), Trouble.NO_ANSWER),
    "the whole note": (lambda note: str(note), Trouble.NO_ANSWER),
    "an endless list": (lambda note: signed(note, OTHER) * 900, Trouble.NO_ANSWER),
}


def _value(line: str) -> bytes:
    return parse_signature(line.removesuffix("\n")).value


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_answer_is_no_cosignature(note, kind):
    make, trouble = WRONG[kind]

    with pytest.raises(BadAnswer) as caught:
        read(note, 200, make(note).encode())

    assert caught.value.trouble == trouble


def test_bytes_that_are_no_text_are_no_answer(note):
    with pytest.raises(BadAnswer) as caught:
        read(note, 200, b"\xff\xfe\n")

    assert caught.value.trouble == Trouble.NO_ANSWER


@pytest.mark.parametrize(
    ("status", "trouble"),
    [(400, Trouble.REFUSED), (403, Trouble.REFUSED), (404, Trouble.REFUSED), (302, Trouble.REFUSED),
     (500, Trouble.REFUSED), (422, Trouble.OTHER_HISTORY)],
)  # fmt: skip
def test_a_refusal_says_what_kind_it_is(note, status, trouble):
    with pytest.raises(BadAnswer) as caught:
        read(note, status, signed(note).encode())

    assert caught.value.trouble == trouble


def test_a_witness_that_is_behind_names_the_size_it_knows(note):
    with pytest.raises(Behind) as caught:
        read(note, 409, b"7\n", "text/x.tlog.size; charset=utf-8")

    assert caught.value.size == 7


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"7\n", "text/plain"), (b"7", "text/x.tlog.size"), (b"07\n", "text/x.tlog.size"),
     (b"-7\n", "text/x.tlog.size"), (b"9" * 30 + b"\n", "text/x.tlog.size"),
     ("٧\n".encode(), "text/x.tlog.size"), (b"", "text/x.tlog.size")],
)  # fmt: skip
def test_a_conflict_without_a_size_is_no_answer(note, body, kind):
    with pytest.raises(BadAnswer) as caught:
        read(note, 409, body, kind)

    assert caught.value.trouble == Trouble.NO_ANSWER


def test_witnesses_are_read_as_they_are_written():
    second = Witness("city", OTHER.verifier, "http://127.0.0.1:7380")

    assert parse_witnesses(f"{WITNESS},\n  {second} ,") == (WITNESS, second)
    assert parse_witnesses("") == ()


V = str(KEY.verifier)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"newspaper {V}", "not written NAME KEY URL"),
        (f"News {V} https://w.kr", "can't be the name"),
        (f"none {V} https://w.kr", "can't be the name"),
        (f"news {V[:-1]} https://w.kr", "base64"),
        (f"news {V.replace('news', 'nows')} https://w.kr", "does not belong"),
        (f"news {SIGNER.verifier} https://w.kr", "of a log, not of a witness"),
        (f"news {V} ftp://w.kr", "no address"),
        (f"news {V} https://", "no address"),
        (f"news {V} https://w.kr/?a=1", "no address"),
        (f"news {V} https://me:pass@w.kr", "no address"),
        (f"news {V} https://w.kr:99999", "no address"),
        (f"news {V} https://w.kr, news {OTHER.verifier} https://v.kr", "the same name"),
        (f"news {V} https://w.kr, city {V} https://v.kr", "the same key"),
        (f"news {V} https://w.kr, city {OTHER.verifier} https://w.kr/", "the same address"),
        (",".join(f"w{n} {V} https://w{n}.kr" for n in range(17)), "more than 16"),
    ],
)
def test_a_witness_that_can_not_be_used_is_refused(text, why):
    with pytest.raises(BadWitness, match=why):
        parse_witnesses(text)


def test_a_majority_is_what_two_histories_can_not_both_find():
    counts = [majority(count) for count in range(8)]

    assert counts == [0, 1, 2, 2, 3, 3, 4, 4]
    assert all(2 * needed > count for count, needed in enumerate(counts) if count)


@pytest.mark.parametrize("line", ["— a\u00a0b AAAAAAA=", "— a\u3000 AAAAAAA=", "— + AAAAAAA="])
def test_a_name_has_no_space_of_any_kind(line):
    with pytest.raises(BadNote, match="no signature line"):
        parse_signature(line)


def test_a_cosignature_is_written_and_read_in_one_way(note):
    line = signed(note)

    assert Note(note.text, (parse_signature(line[:-1]),)).signatures[0].line() == line
