"""Notes, checkpoints, proofs, tiles at their limits: the last that is taken, the first refused."""

import base64
from hashlib import sha256

import pytest

from tests.waiting_room.tlog.logs import ORIGIN, SIGNER, Log
from waiting_room.offline import verify_line
from waiting_room.tlog import tiles
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import (
    COSIGNATURE,
    ED25519,
    MOST_LETTERS,
    MOST_SIGNATURES,
    BadNote,
    Note,
    Signature,
    Signer,
    Verifier,
    from_base64,
    parse_signature,
    timestamp_of,
)
from waiting_room.tlog.proofs import MOST_STEPS, Proof
from waiting_room.tlog.tiles import MOST_BYTES, Tile, bundle, hashes_of, tiles_between
from waiting_room.tlog.witnessing import (
    MOST_ANSWER_BYTES,
    BadAnswer,
    BadWitness,
    Behind,
    Trouble,
    Witness,
    cosignature_in,
    parse_witnesses,
)

TEXT = f"{ORIGIN}\n9\n{base64.b64encode(bytes(32)).decode()}\n"
NOTE = Note(TEXT, (SIGNER.sign(TEXT),))
KEY = Signer("news.example.kr/witness", bytes(range(32)), COSIGNATURE)
NOW = 1_783_850_400


# Checkpoints


def of(text: str) -> Checkpoint:
    return Checkpoint.of(Note(text, ()))


def test_a_checkpoint_is_read_as_it_was_written():
    checkpoint = Checkpoint(ORIGIN, 9, bytes(32))

    assert checkpoint.text() == TEXT
    assert of(TEXT) == checkpoint
    assert Checkpoint.of(Note.parse(str(checkpoint.signed_by([SIGNER])))) == checkpoint
    # Lines of extensions are passed over.
    assert of(f"{TEXT}more\nstill more\n") == checkpoint
    assert of(TEXT.replace("\n9\n", f"\n{10**19}\n")).size == 10**19


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{ORIGIN}\n9\n", "at least three lines"),
        (TEXT.replace("\n9\n", "\n\n"), "at least three lines"),
        (TEXT.replace("\n9\n", "\n9\n\n"), "at least three lines"),
        (TEXT.replace("\n9\n", "\n09\n"), "“09” is no size"),
        (TEXT.replace("\n9\n", "\n٩\n"), "“٩” is no size"),
        (TEXT.replace("\n9\n", "\nnine\n"), "“nine” is no size"),
        (TEXT.replace("\n9\n", f"\n{10**20}\n"), "is no size"),
        (f"{ORIGIN}\n9\n{base64.b64encode(bytes(31)).decode()}\n", "32 bytes long"),
        (f"{ORIGIN}\n9\n{base64.b64encode(bytes(33)).decode()}\n", "32 bytes long"),
        (f"{ORIGIN}\n9\n{'A' * 44}\n", "32 bytes long"),
    ],
)
def test_a_text_that_is_no_checkpoint_is_refused(text, why):
    with pytest.raises(BadNote, match=why):
        of(text)


# Proofs


def proof(index: object = 4, steps: int = 3, extra: bytes = b"x") -> str:
    return str(Proof(index, [bytes([n]) * 32 for n in range(steps)], NOTE, extra))


@pytest.mark.parametrize("extra", [b"", b"x", b"\0" * 100])
@pytest.mark.parametrize("steps", [0, 1, MOST_STEPS])
def test_a_proof_is_read_as_it_was_written(steps, extra):
    text = proof(steps=steps, extra=extra)

    read = Proof.parse(text)

    assert (read.index, len(read.steps), read.extra, read.checkpoint) == (4, steps, extra, NOTE)
    assert str(read) == text
    assert text.startswith("c2sp.org/tlog-proof@v1\n")
    assert text.count("\n") == 2 + bool(extra) + steps + 1 + str(NOTE).count("\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (proof().replace("@v1", "@v2"), "A proof begins with"),
        ("", "A proof begins with"),
        (proof().partition("\n\n")[0], "A proof begins with"),
        (f"c2sp.org/tlog-proof@v1\n\n{NOTE}", "which entry"),
        (proof("04"), "which entry"),
        (proof("٤"), "which entry"),
        (proof(""), "which entry"),
        (proof(10**20), "which entry"),
        (proof(steps=MOST_STEPS + 1), "at most 63 steps"),
        (proof().replace("=\n", "=\nAAAA\n", 1), "which entry"),
        (proof(extra=b"").replace("\n\n", "\nAAAA\n\n", 1), "a hash of 32 bytes"),
        (proof().replace("extra eA==", "extra eA"), "no base64"),
        (proof().replace("— ", "- "), "signature line"),
    ],
)
def test_a_text_that_is_no_proof_is_refused(text, why):
    with pytest.raises(BadNote, match=why):
        Proof.parse(text)


def test_a_proof_without_anything_extra_has_no_line_for_it():
    assert str(Proof(4, [], NOTE)) == f"c2sp.org/tlog-proof@v1\nindex 4\n\n{NOTE}"


def test_the_largest_index_is_one_of_twenty_digits():
    assert Proof.parse(proof(10**19)).index == 10**19


# Notes


def test_a_note_is_read_as_it_was_written():
    blank_inside = Note(
        "a\n\nb\n", (SIGNER.sign("a\n\nb\n"), KEY.cosign("a\n\nb\n", timestamp=NOW))
    )

    assert str(blank_inside).startswith("a\n\nb\n\n— ")
    assert Note.parse(str(blank_inside)) == blank_inside


def test_a_note_has_so_many_letters_and_signatures_and_no_more():
    line = SIGNER.sign(TEXT).line()
    many = f"{TEXT}\n{line * MOST_SIGNATURES}"
    room = MOST_LETTERS - len(str(NOTE))
    long = "x" * room + str(NOTE)

    assert len(Note.parse(many).signatures) == MOST_SIGNATURES == 100
    assert len(str(Note.parse(long))) == MOST_LETTERS == 65536
    with pytest.raises(BadNote, match="more than 100 signatures"):
        Note.parse(many + line)
    with pytest.raises(BadNote, match="more than 65536 letters"):
        Note.parse("x" + long)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("— name", "no signature line"),
        ("— name ", "too short"),
        ("name AAAAAAA=", "no signature line"),
        (" name AAAAAAA=", "no signature line"),
        ("—  AAAAAAA=", "no signature line"),
        ("— na+me AAAAAAA=", "no signature line"),
        ("— name AAAA AAA=", "no base64"),
        ("— name AAAAAA==", "too short"),
    ],
)
def test_a_line_that_is_no_signature_is_refused(line, why):
    with pytest.raises(BadNote, match=why):
        parse_signature(line)


def test_a_signature_has_an_id_and_a_byte_at_least():
    assert parse_signature("— name AAECAwQ=") == Signature("name", bytes(range(4)), b"\4")


@pytest.mark.parametrize("text", ["AA=", "AA", "AB==", "A A=", "é", "AA==\n"])
def test_base64_is_written_in_one_way(text):
    with pytest.raises(BadNote, match="base64"):
        from_base64(text)
    assert from_base64("eHl6") == b"xyz"


def vkey(kind: int = ED25519, name: str = "w.kr", length: int = 32, key_id: str = "") -> str:
    value = bytes([kind]) + bytes(length)
    right = sha256(name.encode() + b"\n" + value).digest()[:4].hex()
    return f"{name}+{key_id or right}+{base64.b64encode(value).decode()}"


@pytest.mark.parametrize("kind", [ED25519, COSIGNATURE])
def test_a_key_is_read_as_it_was_written(kind):
    read = Verifier.parse(f" {vkey(kind)}\n")

    assert (read.name, read.kind, read.key) == ("w.kr", kind, bytes(32))
    assert str(read) == vkey(kind)
    upper = vkey(kind).split("+")
    assert Verifier.parse("+".join([upper[0], upper[1].upper(), upper[2]])) == read


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("w.kr+00000000", "name\\+id\\+key"),
        ("w.kr", "name\\+id\\+key"),
        (vkey(2), "no Ed25519 key"),
        (vkey(length=31), "no Ed25519 key"),
        (vkey(length=33), "no Ed25519 key"),
        (vkey(name="w w"), "no Ed25519 key"),
        (vkey(name=""), "no Ed25519 key"),
        (vkey(key_id="00000000"), "does not belong to it"),
        ("w.kr+00000000+!", "no base64"),
    ],
)
def test_a_text_that_is_no_key_is_refused(text, why):
    with pytest.raises(BadNote, match=why):
        Verifier.parse(text)


def test_a_key_looks_for_its_own_signature_by_name_and_id():
    other = Signer(ORIGIN, bytes(32))
    named_alike = Note(TEXT, (other.sign(TEXT), *NOTE.signatures))

    assert SIGNER.verifier.signature_on(named_alike) == NOTE.signatures[0]
    assert KEY.verifier.signature_on(NOTE) is None
    with pytest.raises(ValueError, match="can't be the name"):
        Signer("a b", bytes(32))


def test_a_time_has_eight_bytes_and_comes_after_none():
    def cosignature(seconds: bytes, length: int = 64) -> Signature:
        return Signature("w.kr", bytes(4), seconds + bytes(length))

    assert timestamp_of(cosignature((1).to_bytes(8))) == 1
    assert timestamp_of(cosignature((2**63 - 1).to_bytes(8))) == 2**63 - 1
    for seconds in (0, 2**63):
        with pytest.raises(BadNote, match="has no time"):
            timestamp_of(cosignature(seconds.to_bytes(8)))
    for length in (63, 65):
        with pytest.raises(BadNote, match="not 72 bytes"):
            timestamp_of(cosignature((1).to_bytes(8), length))


# Tiles


@pytest.fixture(scope="module")
def log():
    return Log(300)


def test_a_bundle_holds_what_was_put_in(log):
    records = [b"", b"a", b"x" * MOST_BYTES]

    assert list(verify_line.entries_of(bundle(records))) == records
    assert bundle([b"ab"]) == b"\0\2ab"
    with pytest.raises(ValueError, match="An entry of 65536 bytes"):
        bundle([b"x" * (MOST_BYTES + 1)])


def test_a_tile_of_entries_holds_no_hashes(log):
    with pytest.raises(ValueError, match="holds no hashes"):
        hashes_of(Tile(None, 0, 1), log.read)


@pytest.mark.parametrize(
    ("tile", "size", "exists"),
    [
        (Tile(0, 0, 1), 1, True),
        (Tile(0, 0, 2), 1, False),
        (Tile(0, 1, 44), 300, True),
        (Tile(0, 1, 45), 300, False),
        (Tile(None, 1, 44), 300, True),
        (Tile(None, 1, 45), 300, False),
        (Tile(1, 0, 1), 256, True),
        (Tile(1, 0, 1), 255, False),
        (Tile(7, 0, 1), 256**7, True),
        (Tile(8, 0, 1), 256**9, False),
    ],
)
def test_a_tile_exists_once_the_log_has_grown_so_far(tile, size, exists):
    assert tile.exists_in(size) == exists


def test_the_subtrees_of_a_tile_end_with_these_entries():
    assert list(Tile(0, 0, 3).numbers()) == [1, 2, 3]
    assert list(Tile(None, 1, 2).numbers()) == [257, 258]
    assert list(Tile(1, 0, 2).numbers()) == [256, 512]
    assert list(Tile(1, 1, 1).numbers()) == [257 * 256]


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        (0, 0, []),
        (0, 1, ["tile/entries/000.p/1", "tile/0/000.p/1"]),
        (1, 1, []),
        (255, 256, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]),
        (
            256, 258, ["tile/entries/001.p/2", "tile/0/001.p/2"],
        ),
        (
            255, 513,
            ["tile/entries/000", "tile/entries/001", "tile/entries/002.p/1",
             "tile/0/000", "tile/0/001", "tile/0/002.p/1", "tile/1/000.p/2"],
        ),
    ],
)  # fmt: skip
def test_growing_writes_what_became_full_and_the_right_edge(old, new, paths):
    assert [tile.path for tile in tiles_between(old, new)] == paths


def test_the_largest_logs_have_eight_levels():
    levels = {tile.level for tile in tiles_between(256**8 - 1, 256**8)}

    assert levels == {None, *range(8)}
    assert Tile.parse("tile/63/000") == Tile(63, 0)
    assert tiles.WIDTH == 256


# Witnesses and their answers


def answered(body: bytes, status: int = 200, kind: str = "text/plain", key: Signer = KEY):
    witness = Witness("news", key.verifier, "https://w.kr")
    return cosignature_in(status, kind, body, witness=witness, checkpoint=NOTE, now=NOW)


@pytest.mark.parametrize("off", [-300, 0, 300])
def test_a_time_five_minutes_off_is_right(off):
    line = KEY.cosign(TEXT, timestamp=NOW + off).line()

    assert answered(line.encode()).line() == line


def test_an_answer_has_so_many_bytes_and_no_more():
    line = KEY.cosign(TEXT, timestamp=NOW).line()
    other = f"— {'x' * (MOST_ANSWER_BYTES - len(line.encode()) - 14)} AAAAAAA=\n"

    full = (line + other).encode()
    assert len(full) == MOST_ANSWER_BYTES == 65536
    assert answered(full).line() == line
    with pytest.raises(BadAnswer) as caught:
        answered((line + other.replace("x", "xx", 1)).encode())
    assert caught.value.trouble == Trouble.NO_ANSWER


@pytest.mark.parametrize("size", [0, 7, 10**17])
def test_a_size_that_the_witness_knows_is_read(size):
    with pytest.raises(Behind) as caught:
        answered(f"{size}\n".encode(), 409, "text/x.tlog.size")

    assert caught.value.size == size
    assert str(caught.value) == f"it last cosigned {size} entries"


def test_a_witness_is_written_and_read_in_one_way():
    witness = Witness("news", KEY.verifier, "https://w.kr/a")

    assert str(witness) == f"news {KEY.verifier} https://w.kr/a"
    assert Witness.parse(f"{witness}/") == witness
    assert Witness.parse(f"n.{'a' * 38} {KEY.verifier} http://w.kr").url == "http://w.kr"
    names = [f"w{n}" for n in range(16)]
    keys = [Signer(f"{name}.kr", bytes([n]) * 32, COSIGNATURE) for n, name in enumerate(names)]
    lines = [
        f"{name} {key.verifier} https://{name}.kr" for name, key in zip(names, keys, strict=True)
    ]
    assert len(parse_witnesses("\n".join(lines))) == 16


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"{'a' * 41} {KEY.verifier} https://w.kr", "can't be the name"),
        (f"-a {KEY.verifier} https://w.kr", "can't be the name"),
        (f"witnesses {KEY.verifier} https://w.kr", "can't be the name"),
        (f"a {KEY.verifier} https://w.kr more", "not written NAME KEY URL"),
        (f"a {KEY.verifier} https://w.kr#a", "no address"),
        (f"a {KEY.verifier} https://w.kr:0", "no address"),
        (f"a {KEY.verifier} https://[w.kr", "no address"),
        (f"a {vkey(COSIGNATURE, 'w' * 260)} https://w.kr", "more than 300 letters"),
    ],
)
def test_a_line_that_is_no_witness_is_refused(line, why):
    with pytest.raises(BadWitness, match=why):
        Witness.parse(line)


def test_a_key_has_three_hundred_letters_at_most():
    name = "w" * (300 - len(vkey(COSIGNATURE, "")))
    longest = vkey(COSIGNATURE, name)

    assert len(longest) == 300
    assert str(Witness.parse(f"a {longest} https://w.kr/X").verifier) == longest
    assert Witness.parse(f"a {longest} https://w.kr/X").url == "https://w.kr/X"
    with pytest.raises(BadWitness, match="more than 300 letters"):
        Witness.parse(f"a {vkey(COSIGNATURE, name + 'w')} https://w.kr")


@pytest.mark.parametrize(
    ("name", "key", "address", "what"),
    [("a", KEY, "v.kr", "name"), ("b", KEY, "v.kr", "key"), ("b", None, "w.kr", "address")],
)
def test_two_witnesses_have_nothing_in_common(name, key, address, what):
    other = key or Signer("v.kr", bytes(32), COSIGNATURE)
    if what == "name":
        other = Signer("v.kr", bytes(32), COSIGNATURE)
    lines = f"a {KEY.verifier} https://w.kr, {name} {other.verifier} https://{address}"

    with pytest.raises(BadWitness) as caught:
        parse_witnesses(lines)

    assert str(caught.value) == f"Two witnesses have the same {what}."


def test_why_an_answer_counts_for_nothing_is_its_text():
    assert str(BadAnswer(Trouble.AWAY, "it is away")) == "it is away"
