"""What a few connections can do to the real server: each attack that once stopped it."""

import hashlib
import os
import re
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from launcher.processes import LOOPBACK
from tests.waiting import until

from .conftest import Serve
from .server import Server

OTHER = "127.0.0.2"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
MIB = 1024 * 1024


def send(server: Server, text: str, *, body: bytes = b"", source: str = LOOPBACK) -> socket.socket:
    raw = socket.create_connection((LOOPBACK, server.port), 20, source_address=(source, 0))
    raw.sendall(text.encode() + body)
    return raw


def heard(raw: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    with raw, suppress(ConnectionResetError):
        return b"".join(iter(lambda: raw.recv(65536), b""))
    return b""


def head(raw: socket.socket) -> bytes:
    said = b""
    while b"\r\n\r\n" not in said:
        piece = raw.recv(1)
        assert piece, said
        said += piece
    return said


def until_downloaded(server: Server) -> None:
    """A second download right after the first may again be one too many."""
    statuses: set[int] = set()

    def came_about() -> bool:
        if 200 not in statuses:
            statuses.add(server.ask("GET", "/download").status)
        return 200 in statuses

    until(came_about, patience=20)


def memory(server: Server) -> int:
    """Bytes in memory of the processes that answer."""
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in server.workers()]
    return sum(int(re.search(r"VmRSS:\s+(\d+)", text)[1]) for text in statuses) * 1024


def post(path: str, length: int | str, more: str = "") -> str:
    framing = (
        f"Content-Length: {length}" if isinstance(length, int) else "Transfer-Encoding: chunked"
    )
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{FORM}{more}{framing}\r\n\r\n"


@pytest.mark.parametrize("length", [1_000, 60_000, "chunked"])
def test_bodies_that_never_come_hold_no_thread_and_end(serve: Serve, length: int | str):
    server = serve(limits="body_grace_seconds=0.5, body_rate=1_000_000")

    silent = [send(server, post("/body", length), body=b"3\r\nabc\r\n") for _ in range(40)]

    assert server.ask("GET", "/").status == 200
    for raw in silent:
        assert heard(raw).startswith(b"HTTP/1.1 408 ")


def test_forty_announcements_of_70_000_bytes_stop_nobody(shared: Server):
    silent = [send(shared, post("/body", 70_000), body=b"x" * 20) for _ in range(40)]

    assert shared.ask("GET", "/").status == 200
    assert shared.ask("GET", "/healthz").content == b"ok\n"
    for raw in silent:
        raw.close()


def test_a_body_that_comes_too_slowly_ends_before_all_of_its_time(serve: Serve):
    server = serve(limits="body_grace_seconds=0.5, body_rate=1_000")
    raw = send(server, post("/body", 60_000))

    # Ten bytes at a time are far under the rate; all of it would be due after a minute.
    with suppress(ConnectionError):
        for _ in range(2_000):
            raw.sendall(b"0123456789")
            raw.settimeout(0.05)
            with suppress(TimeoutError):
                answer = raw.recv(65536)
                break

    assert answer.startswith(b"HTTP/1.1 408 ")
    raw.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_above_the_limit_are_refused_with_a_page(shared: Server, chunked: bool):
    body = b"x" * (64 * 1024 + 1)

    if chunked:
        framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        raw = send(shared, post("/body", "chunked"), body=framed)
    else:
        raw = send(shared, post("/body", len(body)), body=body)
    answer = heard(raw)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert "너무 큽니다".encode() in answer
    assert b"connection: close\r\n" in answer


def test_a_body_in_chunks_arrives_whole(shared: Server):
    body = os.urandom(50_000)
    framed = b"".join(
        b"%x\r\n%s\r\n" % (5_000, body[at : at + 5_000]) for at in range(0, 50_000, 5_000)
    )

    answer = heard(
        send(shared, post("/body", "chunked", "Connection: close\r\n"), body=framed + b"0\r\n\r\n")
    )

    assert answer.endswith(f"50000 {hashlib.sha256(body).hexdigest()}".encode())


def test_files_of_staff_arrive_whole_and_of_nobody_else(serve: Serve):
    server = serve(limits="upload_bytes=3_000_000")
    body = os.urandom(2_500_000)

    sent = server.ask("POST", "/admin/body", body, Cookie="role=sender")
    stranger = server.ask("POST", "/admin/body", body[:900_000], Cookie="role=other")
    announced = heard(send(server, post("/admin/body", 3_000_001, "Cookie: role=sender\r\n")))

    assert sent.content.decode() == f"2500000 {hashlib.sha256(body).hexdigest()}"
    assert (stranger.status, stranger.headers["Location"]) == (303, "/admin/body")
    assert announced.startswith(b"HTTP/1.1 413 ")


def test_readers_who_never_read_cost_little_memory(serve: Serve):
    server = serve(workers=1)
    with (server.folder / "download").open("wb") as file:
        file.truncate(40 * MIB)
    server.ask("GET", "/")
    before = memory(server)

    request = "GET /download HTTP/1.1\r\nHost: x\r\n\r\n"
    sources = [LOOPBACK, OTHER] * 4
    readers = [send(server, request, source=source) for source in sources]
    for raw in readers:
        assert head(raw).startswith(b"HTTP/1.1 200 ")

    # All of it waits in the kernel's buffers and in the file.
    assert memory(server) - before < 40 * MIB
    for raw in readers:
        raw.close()


def test_a_download_arrives_whole_and_only_so_many_at_a_time(serve: Serve):
    server = serve(limits="downloads_per_address=1", workers=1)
    content = os.urandom(20 * MIB)
    (server.folder / "download").write_bytes(content)
    request = "GET /download HTTP/1.1\r\nHost: x\r\n\r\n"
    first = send(server, request)
    assert head(first).startswith(b"HTTP/1.1 200 ")

    refused = server.ask("GET", "/download")
    elsewhere = heard(send(server, request, source=OTHER))

    assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
    assert elsewhere.partition(b"\r\n\r\n")[2] == content
    assert heard(first) == content
    until_downloaded(server)


def test_who_takes_nothing_of_an_answer_is_cut_off(serve: Serve):
    server = serve(limits="downloads=1, send_seconds=0.5", workers=1)
    with (server.folder / "download").open("wb") as file:
        file.truncate(40 * MIB)
    first = send(server, "GET /download HTTP/1.1\r\nHost: x\r\n\r\n")
    assert head(first).startswith(b"HTTP/1.1 200 ")
    assert server.ask("GET", "/download").status == 503

    until_downloaded(server)

    assert len(heard(first)) < 40 * MIB


def test_connections_of_one_address_are_bounded_and_others_stay(serve: Serve):
    server = serve(limits="connections_per_address=20", workers=1)
    other = send(server, "GET /headed HTTP/1.1\r\nHost: x\r\n\r\n")
    head(other)

    many = [send(server, "GET / HTTP/1.1\r\n", source=OTHER) for _ in range(60)]

    def ended() -> int:
        count = 0
        for raw in many:
            raw.settimeout(0.001)
            try:
                count += raw.recv(1) == b""
            except TimeoutError:
                pass
            except ConnectionError:
                count += 1
        return count

    until(lambda: ended() == 40)
    other.sendall(b"GET /headed HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"HTTP/1.1 200 " in heard(other)
    for raw in many:
        raw.close()


@pytest.mark.parametrize(
    ("held", "free"),
    [
        ("/slow", ["/admin/headed", "/reservations/headed", "/static/headed"]),
        ("/reservations/slow", ["/admin/headed", "/headed"]),
        ("/admin/slow", ["/headed", "/reservations/headed"]),
    ],
)
def test_neither_citizens_nor_staff_can_take_the_others_threads(
    serve: Serve, held: str, free: list[str]
):
    server = serve()
    waiting = [send(server, f"GET {held} HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(30)]
    until((server.folder / "slow-began").exists)

    assert [server.ask("GET", path).content for path in free] == [b"done"] * len(free)
    assert server.ask("GET", "/healthz").content == b"ok\n"

    (server.folder / "slow-may-end").touch()
    for raw in waiting:
        assert head(raw).startswith(b"HTTP/1.1 200 ")
        raw.close()


def test_where_too_many_wait_the_page_says_at_once_that_the_place_is_kept(serve: Serve):
    server = serve(limits="waiting=3", workers=1)
    waiting = [send(server, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(6)]
    until((server.folder / "slow-began").exists)

    # Whichever came last of these was refused, and each that comes now is.
    refused = server.ask("GET", "/headed")

    assert (refused.status, refused.headers["Retry-After"] in {"10", "11", "12", "13"}) == (
        503,
        True,
    )
    assert b"Your place is kept" in refused.content
    (server.folder / "slow-may-end").touch()
    answers = sorted(head(raw)[9:12] for raw in waiting)
    assert answers == [b"200"] * 5 + [b"503"]
    for raw in waiting:
        raw.close()


def test_the_identity_form_may_ask_whether_there_is_room(serve: Serve):
    server = serve(limits="waiting=3", workers=1)
    assert server.ask("GET", "/identity/room/").status == 204
    form = f"POST /identity/ HTTP/1.1\r\nHost: x\r\n{FORM}Content-Length: 3\r\n\r\n"
    waiting = [send(server, form, body=b"a=b") for _ in range(6)]
    until((server.folder / "slow-began").exists)

    until(lambda: server.ask("GET", "/identity/room/").status == 503)
    told, elsewhere = (
        int(server.ask("GET", "/identity/room/").headers["Retry-After"]),
        server.ask("GET", "/headed").status,
    )

    assert (10 <= told <= 13, elsewhere) == (True, 200)
    (server.folder / "slow-may-end").touch()
    assert sorted(head(raw)[9:12] for raw in waiting) == [b"200"] * 5 + [b"503"]
    assert server.ask("GET", "/identity/room/").status == 204
    for raw in waiting:
        raw.close()


GET = "GET /headed HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (f"{GET}\r\n", 400),
        (f"{GET}Host: x\r\nHost: y\r\n\r\n", 400),
        (f"{GET}Host: x\r\nX-Long: {'a' * 100_000}\r\n\r\n", 431),
        (post("/body", 3, "Content-Type: text/plain; charset=utf-7\r\n") + "a=b", 400),
        (post("/body", 3, "Content-Type: text/plain; charset*=utf-8''utf-7\r\n") + "a=b", 400),
        ("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
         "Content-Type: application/x-www-form-urlencoded; charset=euc-kr\r\n\r\na=b", 400),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(shared: Server, request_text: str, status: int):
    with send(shared, request_text) as raw:
        answer = head(raw)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert shared.ask("GET", "/headed").status == 200


def test_an_error_outside_of_the_pages_is_a_page_too(shared: Server):
    answer = shared.ask("GET", "/breaks")

    assert answer.status == 500
    assert "저희 쪽에 문제가 생겼습니다" in answer.content.decode()


@pytest.mark.parametrize("path", ["/", "/headed", "/healthz", "/breaks", "/stream"])
def test_every_answer_has_the_security_headers(shared: Server, path: str):
    headers = shared.ask("GET", path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
