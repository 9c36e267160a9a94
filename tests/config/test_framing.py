"""Where a request ends is one question with one answer: nobody smuggles a second one past us."""

import json

import pytest

from .server import Server
from .test_attacks import heard, send

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
# What an attacker would have a proxy take for a body, and us for a request.
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
AMBIGUOUS = {
    "two lengths": "Content-Length: 3\r\nContent-Length: 5\r\n",
    "two lengths in one line": "Content-Length: 3, 5\r\n",
    "a length with a sign": "Content-Length: +3\r\n",
    "a length below zero": "Content-Length: -1\r\n",
    "a length of letters": "Content-Length: 0x3\r\n",
    "another coding last": "Transfer-Encoding: chunked, identity\r\n",
    "a coding we do not know": "Transfer-Encoding: xchunked\r\n",
}


@pytest.mark.parametrize("ambiguity", AMBIGUOUS)
def test_an_ambiguous_length_is_refused_and_the_connection_ends(
    shared: Server,
    ambiguity: str,
):
    head = f"POST /body HTTP/1.1\r\nHost: x\r\n{FORM}{AMBIGUOUS[ambiguity]}\r\n"

    answer = heard(send(shared, head, body=f"a=b{SMUGGLED}".encode()))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_chunks_count_where_a_length_is_given_too(shared: Server):
    head = (
        f"POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{FORM}"
        "Content-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n"
    )

    answer = heard(send(shared, head, body=b"3\r\na=b\r\n0\r\n\r\n"))

    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 400 ") or answer.partition(b"\r\n\r\n")[2][:2] == b"3 "


@pytest.mark.parametrize("chunk", [b"zz\r\na=b\r\n", b"-3\r\na=b\r\n", b"3\r\na=bXX0\r\n\r\n"])
def test_after_a_broken_chunk_nothing_more_is_read(shared: Server, chunk: bytes):
    head = f"POST /body HTTP/1.1\r\nHost: x\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n"

    answer = heard(send(shared, head, body=chunk + SMUGGLED.encode()))

    assert b"smuggled" not in answer
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert shared.ask("GET", "/headed").status == 200


def test_trace_is_not_served(shared: Server):
    answer = shared.ask("TRACE", "/shown", X_Secret="mirrored")

    assert answer.status == 405
    assert b"mirrored" not in answer.content


def test_an_address_is_decoded_once(shared: Server):
    seen = json.loads(shared.ask("GET", "/%2541?word=%2541").content)

    assert (seen["path"], seen["word"]) == ("/%41", "%41")
