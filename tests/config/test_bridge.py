"""Django behind the event loop: the real server, over real sockets."""

import hashlib
import json
import os
import signal
import socket
import sys

import pytest

from launcher.processes import LOOPBACK
from tests.waiting import until

from .conftest import Serve
from .server import Server


@pytest.fixture
def server(request: pytest.FixtureRequest, serve: Serve) -> Server:
    return serve(workers=getattr(request, "param", 2))


def test_a_request_arrives_as_it_was_sent_and_nobody_passes_for_our_proxy(shared: Server):
    raw = socket.create_connection((LOOPBACK, shared.port), timeout=10)
    raw.sendall(
        b"GET //Queue/%EC%9E%90%EB%A6%AC?word=%EC%9E%90 HTTP/1.1\r\nHost: jari.example\r\n"
        b"Cookie: a=1\r\nCookie: b=2\r\nX_Forwarded_For: 8.8.8.8\r\n"
        b"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\nConnection: close\r\n\r\n"
    )
    answer = b"".join(iter(lambda: raw.recv(65536), b""))
    raw.close()

    seen = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert seen["path"] == "//Queue/자리"
    assert (seen["word"], seen["REMOTE_ADDR"]) == ("자", LOOPBACK)
    assert seen["HTTP_COOKIE"] == "a=1; b=2"
    assert seen["HTTP_X_FORWARDED_FOR"] == "1.1.1.1,2.2.2.2"
    assert (seen["HTTP_HOST"], seen["wsgi.url_scheme"]) == ("jari.example", "http")


@pytest.mark.parametrize("size", [0, 10, 64 * 1024])
def test_bodies_of_any_size_arrive_whole(shared: Server, size: int):
    body = os.urandom(size)

    answer = shared.ask("POST", "/body", body)

    assert answer.content.decode() == f"{size} {hashlib.sha256(body).hexdigest()}"


def test_answers_go_out_whole_and_in_order(shared: Server):
    streamed = shared.ask("GET", "/stream")
    headed = shared.ask("GET", "/headed")
    head = shared.ask("HEAD", "/headed")

    assert streamed.content == b"".join(b"%04d" % number * 1000 for number in range(100))
    assert (headed.content, headed.headers["X-One"]) == (b"done", "1")
    assert headed.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert (head.status, head.content) == (200, b"")


@pytest.mark.parametrize("length", [2, 400])
def test_nobody_waits_for_more_than_an_answer_has(shared: Server, length: int):
    answer = shared.ask("GET", f"/misdeclared?length={length}")

    assert (answer.headers["Content-Length"], answer.content) == ("4", b"done")


def test_an_address_that_takes_no_such_method_says_so(shared: Server):
    refused = shared.ask("POST", "/shown", b"x", Accept_Language="ko")

    assert (refused.status, refused.headers["Allow"]) == (405, "GET")
    assert "<h1>이 주소는 이렇게 열 수 없습니다</h1>" in refused.content.decode()
    assert "<h2>This address cannot be used like this</h2>" in refused.content.decode()


def test_a_static_file_is_sent_whole_and_the_connection_stays(server: Server):
    content = os.urandom(600_000)
    (server.folder / "static").mkdir()
    (server.folder / "static" / "file").write_bytes(content)
    connection = server.connect()

    for _ in range(3):
        connection.request("GET", "/static")
        response = connection.getresponse()
        assert response.read() == content
        assert response.headers["Content-Length"] == "600000"
        assert response.headers["Connection"] is None
    connection.close()


def test_whoever_closes_the_page_leaves_the_server_as_it_was(server: Server):
    (server.folder / "slow-may-end").touch()
    for path in ["/stream", "/slow", "/breaks"]:
        for _ in range(4):
            raw = socket.create_connection((LOOPBACK, server.port), timeout=10)
            raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            raw.close()

    assert server.ask("GET", "/stream").status == 200


def test_idle_connections_of_a_crowd_keep_nobody_out(server: Server):
    crowd = [socket.create_connection((LOOPBACK, server.port), timeout=10) for _ in range(1_500)]
    for one in crowd[:700]:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    # Of those who asked some wait for a thread, and the next is told to come again.
    until(lambda: server.ask("GET", "/").status == 200)
    for one in crowd:
        one.close()


def test_a_killed_process_is_replaced_and_a_stopped_server_finishes_what_it_does(server: Server):
    before = server.workers()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: set(server.workers()) - set(before))
    server.wait()
    assert len(server.workers()) == 2

    connection = server.connect()
    connection.request("GET", "/slow")
    until((server.folder / "slow-began").exists)
    server.process.send_signal(signal.SIGTERM)
    until(server.refuses)
    (server.folder / "slow-may-end").touch()

    assert connection.getresponse().read() == b"done"
    connection.close()
    assert server.process.wait(12) == 0


# Of two one may still be loading, and would be killed for that.
@pytest.mark.parametrize("server", [1], indirect=True)
def test_connections_that_ask_nothing_do_not_hold_up_the_end(server: Server):
    """A browser keeps several, and opens some ahead of what it may need."""
    used = [server.connect() for _ in range(4)]
    for connection in used:
        connection.request("GET", "/")
        connection.getresponse().read()
    unused = [socket.create_connection((LOOPBACK, server.port), timeout=10) for _ in range(4)]

    server.process.send_signal(signal.SIGTERM)
    said = server.process.communicate(timeout=20)[0].decode()

    assert server.process.returncode == 0
    assert "refused to gracefully stop" not in said  # else it waited until it killed them
    for connection in [*used, *unused]:
        connection.close()


def test_processes_that_are_killed_again_and_again_are_replaced_each_time(server: Server):
    """Granian itself ends the whole server when the same one dies twice within seconds."""
    until(lambda: len(server.workers()) == 2)
    for _ in range(3):
        before = server.workers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda before=before: len(set(server.workers()) - set(before)) == 2)

    server.wait()
    assert server.ask("GET", "/").status == 200
    assert server.process.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells that a parent is gone")
@pytest.mark.parametrize("age", ["listens", "has workers", "answers"])
def test_nothing_outlives_a_main_process_that_was_killed(server: Server, age: str):
    """However young its workers are: it listens before it has any."""
    if age == "has workers":
        until(server.workers)
    elif age == "answers":
        assert server.ask("GET", "/").status == 200

    server.process.kill()
    server.process.wait()

    until(lambda: not server.processes())
    assert server.processes() == []
