"""Asking witnesses: what they sign is kept and published, and what else they do costs the line
nothing."""

import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from django.db import transaction
from tlog_scales import signing as their_signing
from tlog_scales.backend import make_backend
from tlog_scales.reader import TilesReader

from database.clock import database_now
from tests.concurrency import at_once
from tests.roles import as_owner
from tests.waiting_room import witnesses as scene
from tests.waiting_room.scene import join, make_room, tick
from tests.waiting_room.tlog.test_log_files import OverHttp
from tests.waiting_room.witnesses import KEY
from waiting_room import merkle
from waiting_room.models import AskedWitness, Cosignature, LogPage
from waiting_room.offline import verify_line
from waiting_room.offline.witness import Refused
from waiting_room.services import asking_witnesses, log_files
from waiting_room.services.asking_witnesses import ask_witnesses
from waiting_room.services.log_keys import origin_of, signers_of
from waiting_room.services.publishing import log_lines
from waiting_room.services.witnessed import health_line, how_witnesses_stand
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import Note, Signer, parse_signature
from waiting_room.tlog.witnessing import Witness, request


def grown_room():
    room = make_room()
    for _ in range(3):
        join(room)
        tick(room)
    return room


pytestmark = pytest.mark.django_db


def test_a_log_that_grows_is_cosigned_published_and_strangers_agree(client, start):
    start("city", "newspaper", quorum=2)
    room = grown_room()

    assert ask_witnesses() == 2
    join(room)
    tick(room)

    code, size = room.cohort.code, room.pages.count() - 1
    text = client.get(f"/queue/{code}/log/checkpoint").content.decode()
    policy = client.get(f"/queue/{code}/log/policy").content.decode()
    assert Checkpoint.of(Note.parse(text)).size == size
    lines = [line.split(" ") for line in policy.splitlines() if line.startswith("witness ")]
    assert [line[1] for line in lines] == ["city", "newspaper"]
    assert policy.endswith("group witnesses 2 city newspaper\nquorum witnesses\n")
    reader = TilesReader(OverHttp(client, code))
    seen = reader.get_checkpoint()
    for line in lines:
        seen.verify(their_signing.Vkey.from_string(line[2]))
    assert reader.calculate_root_hash() == seen.root_hash
    assert judged(room, text, policy) == []


def judged(room, checkpoint: str, policy: str) -> list[str]:
    """What the offline verifier finds wrong with them."""
    rows = "".join(log_lines(room)).splitlines(keepends=True)
    report = verify_line.check(verify_line.rows_of(rows))
    verify_line.check_checkpoint(report, checkpoint, verify_line.Policy(policy))
    return [what for _, what in report.troubles]


def test_the_files_for_nginx_hold_the_cosigned_checkpoint(client, start, settings):
    start("city", quorum=1)
    room = grown_room()
    folder = Path(settings.HOME) / "tlog" / room.cohort.code
    ask_witnesses()
    tick(room)

    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }

    assert b"city.example.kr/witness" in files["checkpoint"]
    for name, content in files.items():
        assert client.get(f"/queue/{room.cohort.code}/log/{name}").content == content, name
    reader = TilesReader(make_backend(str(folder)))
    assert reader.get_checkpoint().root_hash == reader.calculate_root_hash()


def test_what_enough_witnesses_signed_is_shown_for_a_minute_before_what_they_did_not(
    client, start, clock
):
    start("city", quorum=1)
    clock.freeze()
    room = grown_room()
    ask_witnesses()
    cosigned = room.pages.count()
    join(room)
    tick(room)

    def shown() -> int:
        text = client.get(f"/queue/{room.cohort.code}/log/checkpoint").content.decode()
        return Checkpoint.of(Note.parse(text)).size

    assert shown() == cosigned
    clock.forward(seconds=61)
    assert shown() == room.pages.count() == cosigned + 1


def test_a_log_that_does_not_grow_is_asked_about_once(start, clock):
    start("city")
    clock.freeze()
    room = grown_room()

    assert ask_witnesses() == 1
    clock.forward(minutes=1)
    assert ask_witnesses() == 0
    assert room.cosignatures.count() == 1


def test_two_jobs_of_one_second_ask_once(start, clock):
    start("city")
    clock.freeze()
    room = grown_room()
    ask_witnesses()
    join(room)
    tick(room)

    assert ask_witnesses() == 0  # it was asked this very second
    clock.forward(seconds=5)
    assert ask_witnesses() == 1


@pytest.mark.django_db(transaction=True)
def test_of_jobs_at_once_one_asks(start, settings):
    asked = []

    def count(handler):
        asked.append(handler.path)
        scene.said(404, "unknown\n")(handler)

    start.misbehave(count)
    grown_room()

    outcomes = at_once([ask_witnesses] * 4)

    assert outcomes == [0] * 4
    assert asked == ["/add-checkpoint"]


def test_an_answer_that_was_lost_is_made_up_for(start):
    [program] = start("city")
    room = grown_room()
    ask_witnesses()
    join(room)
    tick(room)
    # The witness signed two more pages, and we heard nothing of it.
    size = room.pages.count()
    AskedWitness.objects.update(size=1, asked_at=None)

    assert ask_witnesses() == 1

    assert AskedWitness.objects.get().size == size
    assert room.cosignatures.filter(size=size).exists()
    assert program is not None


def test_cosignatures_can_not_be_changed_or_taken_away(start):
    start("city")
    grown_room()
    ask_witnesses()

    for act in (lambda: Cosignature.objects.update(size=9), Cosignature.objects.all().delete):
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            act()
        with as_owner(), pytest.raises(Exception, match="Cannot"), transaction.atomic():
            act()


# Witnesses that answer wrongly, slowly or not at all


def last_note(room) -> Note:
    code, page = room.cohort.code, LogPage.objects.filter(room=room).latest("number")
    checkpoint = Checkpoint(origin_of(code), page.number, bytes.fromhex(page.log_root))
    return checkpoint.signed_by(signers_of(code))


def at(seconds: int = 0) -> int:
    return int(database_now().timestamp()) + seconds


ANSWERS = {
    "refused": lambda note: scene.said(403, "no\n"),
    "refused by an error": lambda note: scene.said(500, ""),
    "refused by a redirect": lambda note: scene.said(302, ""),
    "no_answer": lambda note: scene.said(200, "<html>\n"),
    "no_answer, empty": lambda note: scene.said(200, ""),
    "no_answer, 409 without a size": lambda note: scene.said(409, "soon\n"),
    "no_answer, 409 with our own size": lambda note: scene.said(409, "0\n", "text/x.tlog.size"),
    "no_answer, too long": lambda note: scene.said(200, "— a AAAAAAAA\n" * 9_000),
    "missing": lambda note: scene.said(200, Signer("x", bytes(32)).sign(note.text).line()),
    "wrong_signature": lambda note: scene.said(
        200, KEY.cosign(note.text.replace("queue", "cue"), timestamp=at()).line()
    ),
    "wrong_time": lambda note: scene.said(200, KEY.cosign(note.text, timestamp=at(900)).line()),
    "other_history": lambda note: scene.said(422, "no\n"),
    "ahead": lambda note: scene.said(409, "999\n", "text/x.tlog.size"),
    "away": lambda note: lambda handler: handler.connection.close(),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_wrong_answer_is_told_and_keeps_nobody_from_another_witness(start, kind, caplog):
    start("city", quorum=1)
    answers = []
    start.misbehave(lambda handler: answers[0](handler))
    room = grown_room()
    answers.append(ANSWERS[kind](last_note(room)))

    assert ask_witnesses() == 1

    bad = room.asked_witnesses.get(vkey=str(KEY.verifier))
    assert bad.trouble == kind.split(",")[0].split(" ")[0]
    assert (bad.failures, bad.size, bad.cosigned_at) == (1, 0, None)
    assert [one.vkey.partition("+")[0] for one in room.cosignatures.all()] == [
        "city.example.kr/witness"
    ]
    stands = {standing.name: standing.trouble for standing in how_witnesses_stand(room)}
    assert stands["city"] == ""
    assert stands["bad"] not in ("", bad.trouble)
    assert f"bad.example.kr/witness {bad.trouble}" in health_line()
    assert "no cosignature by bad" in caplog.text


def test_a_witness_that_nobody_reaches_is_away(start, settings):
    start("city")
    settings.WITNESSES += (Witness("bad", KEY.verifier, scene.dead_address()),)
    room = grown_room()

    assert ask_witnesses() == 1

    assert room.asked_witnesses.get(vkey=str(KEY.verifier)).trouble == "away"


def silent(released):
    return lambda handler: released.wait(20)


def trickling(released):
    """A letter now and then: no limit of a single read ever runs out."""

    def answer(handler):
        handler.send_response(200)
        handler.flush_headers()
        while not released.wait(0.05):
            with suppress(OSError):
                handler.wfile.write(b"X-More: x\r\n")

    return answer


@pytest.mark.parametrize("behaviour", [silent, trickling])
def test_a_witness_that_hangs_costs_a_job_its_seconds_once_for_all_rooms(
    start, monkeypatch, behaviour
):
    monkeypatch.setattr(asking_witnesses, "SECONDS", 0.3)
    released, asked = threading.Event(), []

    def answer(handler):
        asked.append(handler.path)
        behaviour(released)(handler)

    start("city")
    start.misbehave(answer)
    rooms = [grown_room() for _ in range(3)]

    assert ask_witnesses() == 3
    released.set()

    assert len(asked) == 1
    troubles = [room.asked_witnesses.get(vkey=str(KEY.verifier)).trouble for room in rooms]
    assert sorted(troubles) == ["", "", "slow"]


def test_the_tick_asks_nobody(start, monkeypatch):
    def refuse(*_args, **_more):
        raise AssertionError("the tick went outside")

    start("city", quorum=1)
    monkeypatch.setattr(requests.Session, "request", refuse)
    monkeypatch.setattr(asking_witnesses, "ask_witnesses", refuse)

    assert grown_room().pages.count() > 2


def test_who_fails_rests_twice_as_long_each_time_and_is_forgiven_at_once(start, clock):
    answers = [scene.said(500, "")]
    asked = []

    def answer(handler):
        asked.append(1)
        answers[0](handler)

    start.misbehave(answer)
    clock.freeze()
    room = grown_room()
    ask_witnesses()
    for number, seconds in enumerate([5, 10, 20, 40, 80, 160, 300, 300, 300], start=1):
        clock.forward(seconds=seconds - 1)
        ask_witnesses()
        assert len(asked) == number
        clock.forward(seconds=1)
        ask_witnesses()
        assert len(asked) == number + 1
    answers[0] = scene.said(200, KEY.cosign(last_note(room).text, timestamp=at(300)).line())
    clock.forward(seconds=300)
    assert ask_witnesses() == 1
    assert room.asked_witnesses.get().failures == 0


# Two histories


def test_a_database_that_was_put_back_is_told(start, caplog):
    [program] = start("city")
    room = grown_room()
    code, size = room.cohort.code, room.pages.count() + 5
    ahead = Checkpoint(origin_of(code), size, bytes(32)).signed_by(signers_of(code))
    program.add_checkpoint(request(0, [], ahead))

    assert ask_witnesses() == 0

    assert room.asked_witnesses.get().trouble == "ahead"
    assert "has cosigned" in caplog.text
    assert caplog.records[-1].levelname == "ERROR"


def test_another_history_that_a_witness_holds_is_told(start, caplog):
    [program] = start("city")
    room = grown_room()
    code = room.cohort.code
    other = Checkpoint(origin_of(code), 2, bytes(32)).signed_by(signers_of(code))
    program.add_checkpoint(request(0, [], other))

    assert ask_witnesses() == 0

    assert room.asked_witnesses.get().trouble == "other_history"
    assert caplog.records[-1].levelname == "ERROR"
    assert room.cosignatures.count() == 0


def test_the_portal_can_not_be_made_to_show_two_logs_by_its_own_key(start):
    """What the witness is for: the same keys, another list, another root."""
    [program] = start("city")
    room = grown_room()
    ask_witnesses()
    code, size = room.cohort.code, room.pages.count()

    forged = Checkpoint(origin_of(code), size, bytes(32)).signed_by(signers_of(code))

    with pytest.raises(Refused) as caught:
        program.add_checkpoint(request(size, [], forged))
    assert caught.value.status == 422


# Keys of the log


def keys_acts(room) -> list[int]:
    return [len(step.details["keys"].split("\n")) for step in room.steps.filter(act="keys")]


def test_a_change_of_keys_is_recorded_signed_by_both_and_witnessed(start, settings):
    [program] = start("city", quorum=1)
    room = grown_room()
    ask_witnesses()
    old, new = settings.LOG_KEYS[0], b"n" * 32
    program.keys[:] = scene.portal_key(old, new)

    settings.LOG_KEYS = [new, old]
    both = cosigned_now(room)
    settings.LOG_KEYS = [new]
    after = cosigned_now(room)

    assert keys_acts(room) == [1, 2, 1]
    names = [signature.name for signature in both.signatures]
    assert names == [origin_of(room.cohort.code)] * 2 + ["city.example.kr/witness"]
    assert len(after.signatures) == 2
    policy = verify_line.Policy(log_files.policy_of(room))
    assert [key.name for key in policy.logs] == [origin_of(room.cohort.code)]
    assert notes_of(room) == ["changed", "changed"]


def test_a_key_that_was_lost_is_replaced_and_the_witness_holds_the_log_to_what_it_was(
    start, settings
):
    [program] = start("city", quorum=1)
    room = grown_room()
    ask_witnesses()
    size = room.pages.count()

    settings.LOG_KEYS = [b"n" * 32]
    AskedWitness.objects.update(asked_at=None)
    tick(room)
    assert ask_witnesses() == 0
    assert room.asked_witnesses.get().trouble == "refused"
    program.keys[:] = scene.portal_key(b"n" * 32)  # its operator was told by other ways
    AskedWitness.objects.update(asked_at=None)
    note = cosigned_now(room)

    assert Checkpoint.of(note).size > size
    assert notes_of(room) == ["lost"]
    forged = Checkpoint(origin_of(room.cohort.code), size + 9, bytes(32))
    with pytest.raises(Refused):
        program.add_checkpoint(request(0, [], forged.signed_by(signers_of(room.cohort.code))))


def cosigned_now(room) -> Note:
    join(room)
    tick(room)
    AskedWitness.objects.update(asked_at=None)
    assert ask_witnesses() == 1
    return log_files.checkpoint_of(room, database_now())


def notes_of(room) -> list[str]:
    rows = "".join(log_lines(room)).splitlines(keepends=True)
    report = verify_line.check(verify_line.rows_of(rows))
    assert report.troubles == []
    kinds = {"keys of the log were changed": "changed", "did not sign over": "lost"}
    return [kind for note in report.notes for words, kind in kinds.items() if words in note]


def test_a_witness_with_a_new_key_is_another_witness(start, settings, clock):
    """The plan of a line stands once people may join: its old key counts, and no other."""
    start("city", quorum=1)
    room = grown_room()
    ask_witnesses()
    old = room.witnesses

    settings.WITNESSES = ()
    start("city2", quorum=1)
    tick(room)
    room.refresh_from_db()

    assert room.witnesses == old
    later = make_room(
        joins_from=database_now() + timedelta(hours=1), opens_at=database_now() + timedelta(days=1)
    )
    assert later.witnesses.startswith("city2 ")


def test_a_signature_that_is_published_reads_as_it_came(start):
    start("city", quorum=1)
    room = grown_room()
    ask_witnesses()

    line = room.cosignatures.get().line

    note = log_files.checkpoint_of(room, database_now())
    assert note.signatures[-1] == parse_signature(line)
    assert merkle.EMPTY_ROOT.hex() != LogPage.objects.filter(room=room).latest("number").log_root
