"""Notes, checkpoints, tiles and proofs: judged by a stranger's tool, and by the specifications."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales import signing as their_signing
from tlog_scales.backend import make_backend
from tlog_scales.reader import TilesReader
from tlog_scales.tlog import Checkpoint as TheirCheckpoint
from tlog_scales.tlog import ConsistencyProofInvalid, InclusionProofInvalid

from tests.waiting_room.tlog.logs import SIGNER, Log
from waiting_room import merkle
from waiting_room.tlog import notes
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import BadNote, Note, Signer, Verifier
from waiting_room.tlog.proofs import Proof
from waiting_room.tlog.tiles import Tile, tiles_between


@pytest.fixture(scope="module")
def log():
    return Log(700)


@pytest.mark.parametrize("steps", [[1], [255], [256], [257], [3, 200, 256, 600], [100, 700]])
def test_a_foreign_reader_finds_every_entry_and_root_however_the_log_grew(log, tmp_path, steps):
    for old, new in zip([0, *steps], steps, strict=False):
        log.write(tmp_path, old, new)

    reader = TilesReader(make_backend(str(tmp_path)))
    seen = reader.get_checkpoint()
    seen.verify(their_signing.Vkey.from_string(str(SIGNER.verifier)))
    assert seen.size == steps[-1]
    assert reader.calculate_root_hash() == seen.root_hash
    for index in {0, steps[-1] // 2, steps[-1] - 1}:
        entry = reader.get_entry(index)
        assert entry == log.records[index]
        reader.get_inclusion_proof(index, seen.size).check(merkle.leaf_hash(entry), seen.root_hash)
    old = max(1, steps[-1] // 3)
    proof = reader.get_consistency_proof(old, seen.size)
    proof.check(merkle.log_root(old, log.read), seen.root_hash)
    assert list(proof.node_hashes) == merkle.consistency_path(old, seen.size, log.read)


def test_a_foreign_reader_refuses_the_tiles_of_another_history(log, tmp_path):
    other = Log(300, salt=1)
    other.write(tmp_path, 0, 300)
    (tmp_path / "checkpoint").write_text(str(log.checkpoint(300)))

    reader = TilesReader(make_backend(str(tmp_path)))
    seen = reader.get_checkpoint()

    assert reader.calculate_root_hash() != seen.root_hash
    proof = reader.get_inclusion_proof(41, 300)
    with pytest.raises(InclusionProofInvalid):
        proof.check(merkle.leaf_hash(log.records[41]), seen.root_hash)
    kept = merkle.log_root(100, log.read)
    grown = reader.get_consistency_proof(100, 300)
    with pytest.raises(ConsistencyProofInvalid):
        grown.check(kept, seen.root_hash)


def test_our_proof_has_the_steps_of_the_foreign_tool(log, tmp_path):
    log.write(tmp_path, 0, 300)
    steps = merkle.log_path(42, 300, log.read)

    ours = str(Proof(41, steps, log.checkpoint(300)))

    reader = TilesReader(make_backend(str(tmp_path)))
    reader.get_checkpoint()
    theirs = reader.get_inclusion_proof(41, 300)
    assert list(theirs.node_hashes) == steps
    assert Proof.parse(ours) == Proof(41, steps, log.checkpoint(300))
    assert str(Proof.parse(ours)) == ours


def test_the_example_of_the_note_specification_verifies():
    vkey = Verifier.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    note = Note.parse(
        "This is an example message.\n\n"
        "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3m"
        "FXmRKuwHjG1Yu72IneyaQM=\n"
    )

    assert vkey.signature_on(note) is not None
    with pytest.raises(BadNote, match="of example.com/foo is wrong".replace(".", r"\.")):
        vkey.signature_on(Note("Another message.\n", note.signatures))


def test_a_cosignature_is_checked_by_the_foreign_tool_as_by_ours(log):
    witness = Signer("witness.example.org/one", bytes(range(32)), notes.COSIGNATURE)
    note = log.checkpoint(300)
    cosigned = Note(
        note.text, (*note.signatures, witness.cosign(note.text, timestamp=1_700_000_000))
    )

    signature = witness.verifier.signature_on(cosigned)

    assert signature is not None
    assert notes.timestamp_of(signature) == 1_700_000_000
    theirs = TheirCheckpoint.from_text(str(cosigned))
    theirs.verify(their_signing.Vkey.from_string(str(witness.verifier)))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda note: note.replace("\n300\n", "\n0300\n"), "size"),
        (lambda note: note.replace("\n300\n", "\n-1\n"), "size"),
        (lambda note: note.replace("\n\n", "\n"), "empty line"),
        (lambda note: note.replace("— ", "- "), "signature line"),
        (lambda note: note[:-3] + "\n", "base64"),
        (lambda note: note.replace("\n300\n", "\n\n"), "three lines|no signatures"),
        (lambda note: note + "— " + "x" * 70_000 + "\n", "letters"),
        (lambda note: note.replace("jari", "ja\x00ri"), "control"),
    ],
)
def test_a_spoiled_checkpoint_is_refused_with_the_reason(log, spoil, why):
    with pytest.raises(BadNote, match=why):
        Checkpoint.of(Note.parse(spoil(str(log.checkpoint(300)))))


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(None, 0, 7), "tile/entries/000.p/7"),
        (Tile(2, 999, 255), "tile/2/999.p/255"),
    ],
)
def test_a_path_of_a_tile_is_written_in_one_way(tile, path):
    assert tile.path == path
    assert Tile.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/00/000", "tile/0/0", "tile/0/x000/001", "tile/0/000.p/256", "tile/0/000.p/0",
        "tile/0/000.p/007", "tile/0/../000", "tile/x/000", "tile/0/000/", "tile/0/٠٠٠",
    ],
)  # fmt: skip
def test_other_ways_to_write_a_path_are_no_tiles(path):
    assert Tile.parse(path) is None


@given(st.integers(0, 70_000), st.integers(0, 70_000))
def test_what_is_written_on_growing_is_what_a_log_of_that_size_needs(one, other):
    old, new = sorted((one, other))

    written = {*tiles_between(0, old), *tiles_between(old, new)}

    needed = set(tiles_between(0, new))
    assert needed <= written
    assert all(tile.exists_in(new) for tile in written)
