"""The files of a room's log, over HTTP and from the disk, judged by a stranger's reader."""

import json
from pathlib import Path

import pytest
from tlog_scales import signing as their_signing
from tlog_scales.backend import make_backend
from tlog_scales.reader import TilesReader

from database.clock import database_now
from tests.eligibility.signing_in import sign_in
from tests.waiting_room.scene import join, make_eligible, make_room, tick
from waiting_room import merkle, public_log
from waiting_room.services import log_files
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import Note, Verifier
from waiting_room.tlog.proofs import Proof

pytestmark = pytest.mark.django_db


class OverHttp:
    """What tlog-scales asks of a place where a log lies."""

    def __init__(self, client, code):
        self.client, self.code = client, code

    def get(self, *parts):
        answer = self.client.get(f"/queue/{self.code}/log/{'/'.join(parts)}")
        return answer.content if answer.status_code == 200 else None


@pytest.fixture(autouse=True)
def _home(settings, tmp_path):
    settings.HOME = tmp_path
    settings.PUBLIC_URL = "https://jari.example.kr"


def grown_room():
    room = make_room()
    for _ in range(5):
        join(room)
        tick(room)
    return room


def keys_of(policy: str) -> list[str]:
    return [line.split()[1] for line in policy.splitlines() if line.startswith("log ")]


def test_a_stranger_reads_the_whole_log_over_http(client):
    room = grown_room()
    code = room.cohort.code

    reader = TilesReader(OverHttp(client, code))
    seen = reader.get_checkpoint()

    [vkey] = keys_of(client.get(f"/queue/{code}/log/policy").content.decode())
    seen.verify(their_signing.Vkey.from_string(vkey))
    assert seen.origin == f"jari.example.kr/queue/{code}/log"
    assert reader.calculate_root_hash() == seen.root_hash
    pages = list(room.pages.order_by("number"))
    assert seen.size == len(pages) > 4
    assert [json.loads(reader.get_entry(n))["root"] for n in range(seen.size)] == [
        page.root for page in pages
    ]


def test_the_files_for_nginx_are_those_of_the_addresses(client, settings):
    room = grown_room()
    folder = Path(settings.HOME) / "tlog" / room.cohort.code

    reader = TilesReader(make_backend(str(folder)))
    seen = reader.get_checkpoint()

    assert reader.calculate_root_hash() == seen.root_hash
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        address = f"/queue/{room.cohort.code}/log/{path.relative_to(folder)}"
        assert client.get(address).content == path.read_bytes(), address


def test_files_that_were_lost_or_belong_to_another_log_are_written_anew(settings):
    room = grown_room()
    folder = Path(settings.HOME) / "tlog" / room.cohort.code
    note = Note.parse((folder / "checkpoint").read_text())
    (folder / "checkpoint").write_text("half a fi")
    (folder / "tile" / "0" / f"000.p/{room.pages.count()}").unlink()

    assert log_files.write_log_files(room, database_now()) > 0

    reader = TilesReader(make_backend(str(folder)))
    assert Note.parse((folder / "checkpoint").read_text()) == note
    assert (
        reader.get_checkpoint().root_hash
        == Checkpoint.of(note).root
        == (reader.calculate_root_hash())
    )


def test_nothing_is_written_while_nothing_is_new():
    room = grown_room()

    assert log_files.write_log_files(room, database_now()) == 0


@pytest.mark.parametrize(
    "path", ["tile/0/000.p/200", "tile/0/000", "tile/1/000.p/1", "tile/0/00", "tile/9/000", "x"]
)
def test_tiles_that_the_log_does_not_have_yet_are_not_found(client, path):
    room = grown_room()

    assert client.get(f"/queue/{room.cohort.code}/log/{path}").status_code == 404


def test_during_a_change_of_keys_both_sign(client, settings):
    settings.LOG_KEYS = [b"n" * 32, *settings.LOG_KEYS]
    room = grown_room()
    code = room.cohort.code

    note = Note.parse(client.get(f"/queue/{code}/log/checkpoint").content.decode())

    keys = keys_of(client.get(f"/queue/{code}/log/policy").content.decode())
    assert len(keys) == 2
    assert all(Verifier.parse(key).signature_on(note) for key in keys)


def test_the_proof_of_a_ticket_leads_from_its_address_to_the_signed_checkpoint(client):
    room = make_room()
    person = make_eligible(room)
    ticket = join(room, person)
    tick(room)
    join(room)
    tick(room)
    sign_in(client, person)

    answer = client.get(f"/queue/t/{ticket.pk}/ticket.tlog-proof")

    proof = Proof.parse(answer.content.decode())
    extra = json.loads(proof.extra)
    page = json.loads(extra["page"])
    assert extra["leaf"].endswith(public_log.ticket_hash(ticket.pk))
    root = merkle.root_from_path(
        merkle.leaf_hash(extra["leaf"].encode()),
        extra["index"],
        page["tickets"] + page["acts"],
        [bytes.fromhex(step) for step in extra["page_path"]],
    )
    assert root is not None
    assert root.hex() == page["root"]
    checkpoint = Checkpoint.of(proof.checkpoint)
    leaf = merkle.leaf_hash(extra["page"].encode())
    assert merkle.root_from_path(leaf, proof.index, checkpoint.size, proof.steps) == checkpoint.root
    [vkey] = keys_of(client.get(f"/queue/{room.cohort.code}/log/policy").content.decode())
    assert Verifier.parse(vkey).signature_on(proof.checkpoint) is not None
