"""Pages of staff and look-ups in a process of their own, and without it: the real server."""

import os
import signal
import sys
import threading
from hashlib import sha256
from pathlib import Path

import psutil
import pytest

from config.calm import CROWD_NICE, SILENT_SECONDS
from tests.config.conftest import Serve
from tests.config.server import Server
from tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="priorities are Linux's")


@pytest.fixture
def server(serve: Serve) -> Server:
    server = serve(calm=True)
    until(lambda: calm_of(server))
    return server


def calm_of(server: Server) -> int | None:
    """The process that answers staff, once it does; None while another one answers."""
    pid, nice = who(server, "/admin/who")
    return pid if nice == os.nice(0) else None


def who(server: Server, path: str) -> tuple[int, int]:
    pid, nice = server.ask("GET", path).content.split()
    return int(pid), int(nice)


def folder_of(pid: int) -> Path:
    """Where this process listens."""
    names = [link.laddr for link in psutil.Process(pid).net_connections("unix")]
    [folder] = {Path(name).parent for name in names if "/jari-web-" in name}
    return folder


def test_staff_and_look_ups_are_answered_apart_from_the_crowd_and_before_it(server: Server):
    calm = calm_of(server)

    assert who(server, "/reservations/who") == (calm, os.nice(0))
    for _again in range(8):
        pid, nice = who(server, "/who")
        assert (pid != calm, nice) == (True, min(os.nice(0) + CROWD_NICE, 19))
    assert calm in server.workers()


def test_what_is_sent_and_answered_arrives_whole(server: Server):
    body = os.urandom(50_000)

    taken = server.ask("POST", "/reservations/body", body)
    seen = server.ask("GET", "/admin/seen?word=%EC%9E%90", Cookie="a=1", Host="jari.example")
    streamed = server.ask("GET", "/admin/stream")
    headed = server.ask("GET", "/admin/headed")
    head = server.ask("HEAD", "/admin/headed")

    assert taken.content.decode() == f"50000 {sha256(body).hexdigest()}"
    assert b'"word": "\\uc790"' in seen.content
    assert b'"HTTP_COOKIE": "a=1"' in seen.content
    assert b'"HTTP_HOST": "jari.example"' in seen.content
    # Larger than what is sent from memory: a file, whose descriptor is handed over.
    assert streamed.content == b"".join(b"%04d" % number * 1000 for number in range(100))
    assert headed.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert headed.headers["X-Frame-Options"] == "DENY"
    assert (head.status, head.content) == (200, b"")


def test_an_error_there_has_its_page(server: Server):
    answer = server.ask("GET", "/admin/breaks", Accept_Language="en")

    assert answer.status == 500
    assert b'lang="en"' in answer.content
    assert calm_of(server)


def test_a_killed_process_costs_no_page_and_is_replaced(server: Server):
    before = calm_of(server)
    connection = server.connect()
    connection.request("GET", "/admin/slow")
    until((server.folder / "slow-began").exists)

    os.kill(before, signal.SIGKILL)
    answers = [server.ask("GET", path).status for path in ["/admin/who", "/reservations/who"] * 20]
    until(lambda: calm_of(server) not in (None, before))
    (server.folder / "slow-may-end").touch()

    assert answers == [200] * 40
    # Begun there, and asked again in a process of the crowd.
    assert connection.getresponse().read() == b"done"
    connection.close()


def test_a_form_whose_process_died_with_it_is_not_sent_twice(server: Server):
    calm = calm_of(server)
    connection = server.connect()
    connection.request("POST", "/admin/slow", b"a=1", {"Accept-Language": "en"})
    until((server.folder / "slow-began").exists)
    (server.folder / "slow-began").unlink()

    os.kill(calm, signal.SIGKILL)
    answer = connection.getresponse()
    page = answer.read().decode()

    assert answer.status == 503
    assert "Your place is kept" in page
    assert "{%" not in page
    assert not (server.folder / "slow-began").exists()
    connection.close()


def test_a_hung_process_is_passed_by_until_it_goes_on(server: Server):
    calm = calm_of(server)
    os.kill(calm, signal.SIGSTOP)
    try:
        pid, _nice = who(server, "/admin/who")  # waits until it counts as hung
        again, _nice = who(server, "/reservations/who")
    finally:
        os.kill(calm, signal.SIGCONT)

    assert calm not in (pid, again)
    until(lambda: calm_of(server) == calm, patience=SILENT_SECONDS + 6)


def test_renewing_the_processes_fails_nobody(server: Server):
    before, over, answers = calm_of(server), threading.Event(), list[int]()

    def ask() -> None:
        while not over.is_set():
            answers.append(server.ask("POST", "/reservations/body", b"x").status)

    asking = threading.Thread(target=ask)
    asking.start()
    server.process.send_signal(signal.SIGHUP)
    until(lambda: calm_of(server) not in (None, before) and before not in server.workers())
    over.set()
    asking.join()

    assert set(answers) == {200}


def test_a_stopped_server_finishes_what_it_does_and_leaves_nothing(server: Server):
    folder = folder_of(calm_of(server))
    assert folder.stat().st_mode & 0o777 == 0o700
    connection = server.connect()
    connection.request("POST", "/admin/slow", b"a=1")
    until((server.folder / "slow-began").exists)

    server.process.send_signal(signal.SIGTERM)
    until(server.refuses)
    (server.folder / "slow-may-end").touch()

    assert connection.getresponse().read() == b"done"
    connection.close()
    assert server.process.wait(12) == 0
    assert not folder.exists()


def test_what_a_killed_server_left_is_removed_by_the_next_one(server: Server, tmp_path: Path):
    left = folder_of(calm_of(server))
    server.process.kill()
    server.process.wait()
    until(lambda: not server.processes())
    assert left.exists()

    (tmp_path / "next").mkdir()
    following = Server(tmp_path / "next", calm=True)
    try:
        assert not left.exists()
    finally:
        os.killpg(following.process.pid, signal.SIGKILL)
        following.process.communicate(timeout=20)
