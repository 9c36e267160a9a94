"""Our witness: it cosigns one history of each log, once, and forgets nothing it has signed."""

import base64
import hashlib
import http.client
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from tlog_scales import signing as their_signing
from tlog_scales.tlog import Checkpoint as TheirCheckpoint

from tests.waiting_room.tlog.logs import ORIGIN, SIGNER, Log
from waiting_room import merkle
from waiting_room.offline import witness as program
from waiting_room.offline.witness import Key, Refused, Server, Unusable, Witness
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import ED25519, Note, Signer, Verifier, parse_signature, timestamp_of
from waiting_room.tlog.witnessing import request

NAME = "news.example.kr/witness"
OTHER = Signer("jari.example.kr/queue/busan/log", sha256(b"a key for tests").digest())
STRANGER = Signer(ORIGIN, sha256(b"somebody else's key").digest())


@pytest.fixture(scope="module")
def log():
    return Log(40)


@pytest.fixture
def state(tmp_path):
    return str(tmp_path / "witness.db")


def witness_of(state: str, *keys: Verifier) -> Witness:
    given = keys or (SIGNER.verifier, OTHER.verifier)
    return Witness(state, [Key.parse(str(key)) for key in given], NAME)


def ask(log: Log, old: int, new: int, **more) -> bytes:
    return request(old, log.proof(old, new), log.checkpoint(new, **more))


def grown(state: str, log: Log, *sizes: int) -> Witness:
    witness = witness_of(state)
    for old, new in pairwise([0, *sizes]):
        witness.add_checkpoint(ask(log, old, new))
    return witness


def refusal(witness: Witness, body: bytes) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        witness.add_checkpoint(body)
    return caught.value.status, caught.value.why


def known_size(state: str, origin: str = ORIGIN) -> int:
    with sqlite3.connect(state) as database:
        row = database.execute("SELECT size FROM logs WHERE origin = ?", (origin,)).fetchone()
    return row[0] if row else 0


# Key and state


def test_the_key_is_made_at_the_first_start_and_stays(state):
    first = witness_of(state)
    again = Witness(state, first.keys)

    assert first.vkey == again.vkey
    assert Verifier.parse(first.vkey).name == NAME
    assert stat.S_IMODE(Path(state).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "why"),
    [("", "give this witness a --name"), ("a b", "neither spaces"), ("a+b", "neither spaces")],
)
def test_a_new_witness_needs_a_name(state, name, why):
    with pytest.raises(Unusable, match=why):
        Witness(state, [], name)


def test_the_state_of_another_witness_or_program_is_not_taken(state, tmp_path):
    witness_of(state)
    with pytest.raises(Unusable, match="belongs to the witness news"):
        Witness(state, [], "other.example/witness")
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as database:
        database.execute("CREATE TABLE mine (x)")
    with pytest.raises(Unusable, match="another program's"):
        Witness(str(foreign), [], NAME)
    (tmp_path / "text.db").write_text("no database at all, but long enough to be read as one\n" * 9)
    with pytest.raises(Unusable, match="can't be used"):
        Witness(str(tmp_path / "text.db"), [], NAME)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "no key of a log"),
        ("name", "no Ed25519 key"),
        ("a*b*c+00000000+AAAA", "no key of a log"),
        (str(SIGNER.verifier).replace("seoul", "busan"), "does not belong"),
        (str(SIGNER.verifier)[:-4], "no Ed25519 key"),
    ],
)
def test_a_key_that_was_not_copied_whole_is_refused(key, why):
    with pytest.raises(Unusable, match=why):
        Key.parse(key)


def test_a_log_is_not_witnessed_with_its_own_key(state):
    witness = witness_of(state)
    own = Verifier(ORIGIN, ED25519, witness.public)

    with pytest.raises(Unusable, match="its own key"):
        witness_of(state, own)


# What is cosigned, and what is not


def test_a_log_that_grows_is_cosigned_and_a_foreign_tool_agrees(state, log):
    witness = witness_of(state)

    for old, new in pairwise([0, 1, 3, 8, 8, 9, 40]):
        line = witness.add_checkpoint(ask(log, old, new))
        note = log.checkpoint(new)
        cosigned = Note(note.text, (*note.signatures, parse_signature(line.removesuffix("\n"))))
        assert Verifier.parse(witness.vkey).signature_on(cosigned) is not None
        theirs = TheirCheckpoint.from_text(str(cosigned))
        theirs.verify(their_signing.Vkey.from_string(witness.vkey))
        theirs.verify(their_signing.Vkey.from_string(str(SIGNER.verifier)))

    assert known_size(state) == 40


def test_an_empty_log_is_cosigned_and_grows(state, log):
    witness = witness_of(state)
    empty = Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT).signed_by([SIGNER])

    witness.add_checkpoint(request(0, [], empty))
    witness.add_checkpoint(ask(log, 0, 5))

    assert known_size(state) == 5
    other = Checkpoint(ORIGIN, 0, b"\1" * 32).signed_by([SIGNER])
    assert refusal(witness_of(state), request(0, [], other))[0] == 422


def test_a_fork_is_refused_and_kept_as_evidence(state, log):
    witness = grown(state, log, 10, 20)
    fork = Log(30, salt=1_000, same=15)

    proved = refusal(witness, ask(fork, 20, 30))
    same_size = refusal(witness, ask(fork, 20, 20))

    assert proved == (422, "The consistency proof does not lead from the last checkpoint to this.")
    assert same_size == (
        422,
        "Another root was cosigned for this size: this is another history.",
    )
    with sqlite3.connect(state) as database:
        kept = database.execute("SELECT known, sent FROM evidence ORDER BY id").fetchall()
    assert [Checkpoint.of(Note.parse(known)).size for known, _ in kept] == [20, 20]
    assert kept[1][1].encode() == ask(fork, 20, 20)
    witness.add_checkpoint(ask(log, 20, 21))  # the history that it knows goes on


@pytest.mark.parametrize("old", [0, 10, 15, 19])
def test_a_log_that_went_back_is_told_the_size_it_had(state, log, old):
    witness = grown(state, log, 10, 20)

    assert refusal(witness, ask(log, old, max(old, 15))) == (409, "20\n")
    assert known_size(state) == 20


def test_an_old_size_above_the_checkpoint_is_refused(state, log):
    witness = grown(state, log, 20)

    status, why = refusal(witness, request(20, [], log.checkpoint(15)))

    assert (status, why) == (400, "The old size is above that of the checkpoint.")


def test_a_replayed_request_changes_nothing(state, log):
    witness = grown(state, log, 10)
    body = ask(log, 10, 20)
    first = witness.add_checkpoint(body)

    assert refusal(witness, body) == (409, "20\n")
    again = witness.add_checkpoint(ask(log, 20, 20))

    times = [timestamp_of(parse_signature(line[:-1])) for line in (first, again)]
    assert times == sorted(times)
    assert known_size(state) == 20


PROOF = {
    "cut off": lambda steps: steps[:-1],
    "without a first step": lambda steps: steps[1:],
    "in another order": lambda steps: steps[::-1],
    "with a step twice": lambda steps: [steps[0], *steps],
    "with one bit changed": lambda steps: [bytes([steps[0][0] ^ 1]) + steps[0][1:], *steps[1:]],
    "of nothing": lambda steps: [],
    "of another log": lambda steps: Log(30, salt=9).proof(11, 30),
    "of other sizes": lambda steps: Log(40).proof(10, 30),
}


@pytest.mark.parametrize("change", PROOF)
def test_a_wrong_proof_is_refused(state, log, change):
    witness = grown(state, log, 11)
    steps = PROOF[change](log.proof(11, 30))

    assert refusal(witness, request(11, steps, log.checkpoint(30)))[0] == 422
    assert known_size(state) == 11


def test_the_first_checkpoint_has_no_proof(state, log):
    body = request(0, log.proof(1, 5), log.checkpoint(5))

    assert refusal(witness_of(state), body)[0] == 422


def test_every_proof_of_a_small_log_leads_from_its_old_size_alone(log):
    for new in range(1, 18):
        for old in range(1, new + 1):
            proof = log.proof(old, new)
            for claimed in range(new + 1):
                fits = program.is_consistent(
                    claimed, new, log.root(claimed) if claimed else b"", log.root(new), proof
                )
                assert fits == (claimed == old or (claimed == 0 and not proof)), (old, claimed, new)


def test_an_unknown_log_and_an_unknown_key_are_told_apart(state, log):
    witness = witness_of(state)
    foreign = Log(5, signer=Signer("other.example/log", bytes(32)))

    assert refusal(witness, ask(foreign, 0, 5)) == (404, "This witness does not know the log.")
    assert refusal(witness, ask(log, 0, 5, signer=STRANGER)) == (
        403,
        "No key of the log that this witness knows has signed.",
    )
    signed = log.checkpoint(5)
    wrong = Note(log.checkpoint(6).text, signed.signatures)
    assert refusal(witness, request(0, [], wrong)) == (403, "A signature of the log is wrong.")


def test_signatures_of_strangers_are_passed_over(state, log):
    note = log.checkpoint(5)
    extra = [STRANGER.sign(note.text), Signer("w.example/w", bytes(32)).sign("else\n")]

    line = witness_of(state).add_checkpoint(
        request(0, [], Note(note.text, (*extra, *note.signatures)))
    )

    assert line.startswith(f"— {NAME} ")
    kept = witness_of(state).last_checkpoint(hashlib.sha256(ORIGIN.encode()).hexdigest())
    assert [one.name for one in Note.parse(kept).signatures] == [ORIGIN, NAME]


def test_two_logs_are_kept_apart(state, log):
    witness = grown(state, log, 10)
    other = Log(7, salt=5, signer=OTHER)

    witness.add_checkpoint(ask(other, 0, 7))
    witness.add_checkpoint(ask(log, 10, 12))

    assert (known_size(state), known_size(state, OTHER.verifier.name)) == (12, 7)
    # A checkpoint of the one under the proof of the other
    assert refusal(witness, request(7, log.proof(7, 12), other.checkpoint(7)))[0] == 422


def test_one_key_stands_for_every_room_of_a_portal(state, log):
    any_room = Verifier("jari.example.kr/queue/*/log", ED25519, SIGNER.verifier.key)
    witness = witness_of(state, any_room)

    witness.add_checkpoint(ask(log, 0, 5))
    witness.add_checkpoint(ask(Log(3, signer=OTHER), 0, 3))

    assert (known_size(state), known_size(state, OTHER.verifier.name)) == (5, 3)
    for origin in ("jari.example.kr/queue/a/b/log", "jari.example.kr/queue//log", "x"):
        strange = Log(3, signer=Signer(origin, sha256(b"a key for tests").digest()))
        assert refusal(witness, ask(strange, 0, 3))[0] == 404


def test_during_a_change_of_keys_old_and_new_are_taken(state, log):
    old, new = SIGNER, STRANGER
    witness = witness_of(state, old.verifier, new.verifier)

    witness.add_checkpoint(ask(log, 0, 5))
    witness.add_checkpoint(ask(log, 5, 9, signer=new))

    # The old key alone does not begin a second history after the change.
    assert refusal(witness, ask(Log(12, salt=3), 0, 5)) == (409, "9\n")
    assert refusal(witness, ask(Log(12, salt=3), 9, 12))[0] == 422


def test_a_clock_that_went_back_signs_nothing(state, log, monkeypatch):
    witness = grown(state, log, 5)
    with sqlite3.connect(state) as database:
        database.execute("UPDATE logs SET time = time + 3600")

    assert refusal(witness, ask(log, 5, 9))[0] == 503
    assert known_size(state) == 5


# Requests that are none


def spoil(find: str, put: str):
    return lambda body: body.replace(find, put, 1)


BODIES = {
    "no old size": (spoil("old 5", "size 5"), "does not begin with “old”"),
    "a zero in front": (spoil("old 5", "old 05"), "does not begin with “old”"),
    "a negative size": (spoil("old 5", "old -5"), "does not begin with “old”"),
    "foreign digits": (spoil("old 5", "old ٥"), "does not begin with “old”"),
    "no end": (lambda body: body.replace("\n", " "), "does not begin with “old”"),
    "a step that is no base64": (spoil("\n", "\n!!\n"), "no hash of 32 bytes"),
    "a short step": (spoil("\n", "\nAAAA\n"), "no hash of 32 bytes"),
    "too many steps": (spoil("\n", "\n" + ("A" * 43 + "=\n") * 64), "at most 63 lines"),
    "no size": (spoil("\n9\n", "\nnine\n"), "no size or no root"),
    "a size with a sign": (spoil("\n9\n", "\n+9\n"), "no size or no root"),
    "a size that is too large": (spoil("\n9\n", f"\n{1 << 63}\n"), "no size or no root"),
    "a short root": (lambda body: re.sub("\n[^\n]{44}\n\n—", "\nAAAA\n\n—", body),
                     "no size or no root"),
    "an empty line": (spoil("\n9\n", "\n\n9\n"), "cut off, or has empty lines"),
    "no signature": (lambda body: body[: body.rindex("\n\n") + 2], "cut off, or has empty lines"),
    "a cut signature": (lambda body: body[:-3] + "\n", "no signature line"),
    "another dash": (spoil("—", "-"), "no signature line"),
    "a control character": (spoil("jari", "ja\x00ri"), "control characters"),
    "a carriage return": (spoil("\n", "\r\n"), "control characters"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BODIES)
def test_a_request_that_is_none_is_refused_with_the_reason(state, log, kind):
    change, why = BODIES[kind]
    witness = grown(state, log, 5)

    status, said = refusal(witness, change(ask(log, 5, 9).decode()).encode())

    assert (status, why in said) == (400, True), said
    assert known_size(state) == 5


def test_bytes_that_are_no_text_are_refused(state):
    assert refusal(witness_of(state), b"old 0\n\n\xff")[0] == 400


def test_a_checkpoint_has_a_bounded_number_of_signatures(state, log):
    note = log.checkpoint(5)
    many = Note(note.text, note.signatures * 33)

    assert "more than 32" in refusal(witness_of(state), request(0, [], many))[1]


# Several at once, and what is left after a crash


def test_of_several_posts_at_once_one_is_cosigned_and_nothing_is_rolled_back(state, log):
    grown(state, log, 5)
    start = threading.Barrier(8)

    def post(size: int) -> int | Refused:
        witness = witness_of(state)
        start.wait(30)
        try:
            witness.add_checkpoint(ask(log, 5, size))
        except Refused as refused:
            return refused
        return size

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(post, range(6, 14)))

    cosigned = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert len(cosigned) == 1
    assert {outcome.status for outcome in outcomes if isinstance(outcome, Refused)} == {409}
    assert known_size(state) == cosigned[0]


class Running:
    """The program as a process of its own, on a free port."""

    def __init__(self, state: str, *, spoilt: str = "") -> None:
        script = f"from waiting_room.offline import witness; {spoilt}\nwitness.main()"
        folder = Path(program.__file__).parents[2]
        arguments = ["--state", state, "--name", NAME, "--log", str(SIGNER.verifier)]
        arguments += ["--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"import os\n{script}", *arguments],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        lines = [self.process.stdout.readline() for _ in range(3)]
        self.vkey = lines[0].strip()
        self.port = int(lines[2].rpartition(",")[2].strip(" )\n"))

    def post(self, body: bytes, path: str = "/add-checkpoint") -> tuple[int, str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", path, body)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
        finally:
            connection.close()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.process.stdout.close()
        return code


@pytest.fixture
def run(state):
    started = []

    def start(**more) -> Running:
        started.append(Running(state, **more))
        return started[-1]

    yield start
    for running in started:
        running.process.kill()
        running.process.wait()
        running.process.stdout.close()


def test_the_program_answers_as_the_protocol_has_it(run, log, state):
    running = run()

    status, _kind, line = running.post(ask(log, 0, 5))
    assert (status, line.startswith(f"— {NAME} ")) == (200, True)
    assert running.post(ask(log, 3, 9)) == (409, "text/x.tlog.size", "5\n")
    assert running.post(ask(log, 5, 9, signer=STRANGER))[0] == 403
    assert running.post(b"old")[0] == 400
    assert running.post(ask(log, 5, 9), "/elsewhere")[0] == 404
    assert running.stop() == 0
    assert running.vkey == run().vkey


def test_the_last_checkpoint_can_be_read_by_anybody(run, log):
    running = run()
    running.post(ask(log, 0, 5))
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)

    found = {}
    for origin in (ORIGIN, "unknown.example/log"):
        connection.request("GET", f"/{sha256(origin.encode()).hexdigest()}/checkpoint")
        answer = connection.getresponse()
        found[origin] = answer.status, answer.read().decode()
    connection.request("GET", "/")
    front = connection.getresponse().read().decode()
    connection.close()

    assert found["unknown.example/log"][0] == 404
    note = Note.parse(found[ORIGIN][1])
    assert Verifier.parse(running.vkey).signature_on(note) is not None
    assert SIGNER.verifier.signature_on(note) is not None
    assert running.vkey in front


def test_after_a_crash_between_writing_and_answering_the_log_finds_its_way(run, log, state):
    dying = run(spoilt="witness.Handler.answer = lambda self, status, *_: os._exit(9)")
    with pytest.raises((http.client.HTTPException, OSError)):
        dying.post(ask(log, 0, 5))
    assert dying.process.wait(20) == 9
    assert known_size(state) == 5

    running = run()

    assert running.post(ask(log, 0, 5)) == (409, "text/x.tlog.size", "5\n")
    assert running.post(ask(Log(9, salt=3), 5, 9))[0] == 422
    assert running.post(ask(log, 5, 5))[0] == 200
    assert running.vkey == dying.vkey


def test_a_crash_before_writing_leaves_what_was_known(run, log, state):
    grown(state, log, 5)
    dying = run(spoilt="witness.Witness._verified_note = lambda *_: os._exit(9)")
    with pytest.raises((http.client.HTTPException, OSError)):
        dying.post(ask(log, 5, 9))
    assert dying.process.wait(20) == 9

    running = run()

    assert known_size(state) == 5
    assert running.post(ask(log, 5, 9))[0] == 200


def test_a_state_that_is_gone_is_never_begun_anew(run, log, state):
    running = run()
    running.post(ask(log, 0, 5))
    os.unlink(state)

    status, _kind, why = running.post(ask(log, 0, 5))

    assert (status, "does not" in why) == (500, True)


# Clients that cost more than they bring


@pytest.fixture
def server(state, monkeypatch):
    """In this process, with limits that a test need not wait for."""
    monkeypatch.setattr(program, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(program, "MOST_CONNECTIONS", 4)
    server = Server(("127.0.0.1", 0), witness_of(state))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def said_to(server: Server, sent: bytes) -> str:
    """What the server answers before it hangs up."""
    with socket.create_connection(server.server_address, timeout=20) as connection:
        connection.sendall(sent)
        answer = b""
        while part := connection.recv(4096):
            answer += part
    return answer.decode()


HEAD = "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"{HEAD}Content-Length: 98305\r\n\r\n", "413"),
        (f"{HEAD}Content-Length: {'9' * 30}\r\n\r\n", "411"),
        (f"{HEAD}Content-Length: -1\r\n\r\n", "411"),
        (f"{HEAD}\r\n", "411"),
        (f"{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nold 0\r\n", "411"),
        ("GET /" + "x" * 70_000 + " HTTP/1.1\r\n\r\n", "414"),
        ("PUT / HTTP/1.1\r\n\r\n", "501"),
    ],
)
def test_a_body_must_say_how_long_it_is_and_is_bounded(server, sent, status):
    assert said_to(server, sent.encode()).split(" ")[1] == status


@pytest.mark.parametrize(
    "sent", ["", "POST /add-ch", HEAD, f"{HEAD}Content-Length: 90\r\n\r\nold 0\n"]
)
def test_whoever_is_silent_is_cut_off(server, sent):
    assert said_to(server, sent.encode()) == ""


def test_slow_clients_do_not_keep_others_out_for_longer_than_their_time(server, log):
    slow = [socket.create_connection(server.server_address, timeout=20) for _ in range(4)]
    for connection in slow:
        connection.sendall(HEAD.encode())
        assert connection.recv(1) == b""  # each is let go of when its time is over
        connection.close()

    body = ask(log, 0, 5)
    answer = said_to(
        server, f"{HEAD}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )

    assert answer.split(" ")[1] == "200"


def test_more_connections_than_there_are_places_are_let_go_at_once(server):
    held = []
    for _ in range(4):
        connection = socket.create_connection(server.server_address, timeout=20)
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.recv(9).startswith(b"HTTP/1.1")
        held.append(connection)

    with socket.create_connection(server.server_address, timeout=20) as more:
        assert more.recv(1) == b""

    for connection in held:
        connection.close()


# The command line


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "Say which logs to witness"),
        (["--log", "x"], "no Ed25519 key"),
        (["--log", str(SIGNER.verifier), "--listen", "here"], "no address"),
        (["--log", str(SIGNER.verifier), "--listen", "127.0.0.1:99999"], "no address"),
    ],
)
def test_a_wrong_start_says_what_to_change(state, capsys, arguments, why):
    code = program.main(["--state", state, "--name", NAME, *arguments])

    assert (code, why in capsys.readouterr().err) == (2, True)


def test_it_prints_its_public_key_alone(state, capsys):
    code = program.main(["--state", state, "--name", NAME, "--vkey"])

    printed = capsys.readouterr().out
    assert code == 0
    assert printed == f"{witness_of(state).vkey}\n"
    _name, _hash, key = printed.split("+", 2)  # base64 may hold a plus too
    assert base64.b64decode(key)[0] == 4
