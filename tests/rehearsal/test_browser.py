"""The light browser of the load generator, against a server that says what a test wants."""

import asyncio

import pytest

from rehearsal.browser import Browser, NoAnswer, Target


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode()


def play(answers: list, act):
    """Run `act(browser)` against a server that gives these answers in turn; returns its result and
    the requests. An answer of None closes the connection."""
    requests: list[str] = []
    left = iter(answers)

    async def serve(reader, writer):
        try:
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                requests.append(asked.decode())
                answer = next(left)
                if answer is None:
                    break
                for piece in answer if isinstance(answer, list) else [answer]:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        browser = Browser(Target.of(f"http://127.0.0.1:{port}"), address="127.0.0.9")
        try:
            return await act(browser)
        finally:
            browser.close()
            server.close()
            await asyncio.sleep(0)  # so that the server sees the end of its connections

    return asyncio.run(run()), requests


WHOLE = head("HTTP/1.1 200 OK", "Content-Length: 2") + b"ok"


def test_a_page_in_pieces_and_chunks_is_put_together():
    chunked = head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n2;x=1\r\nde\r\n"
    pieces = [chunked[:20], chunked[20:], b"0\r\n\r\n"]

    async def act(browser):
        first = await browser.request("GET", "/a/")
        return first.html, (await browser.request("GET", "/b/")).html

    texts, requests = play([pieces, WHOLE], act)

    assert texts == ("abcde", "ok")
    assert [request.split()[1] for request in requests] == ["/a/", "/b/"]


def test_cookies_go_with_the_next_request_until_they_are_deleted():
    redirect = head(
        "HTTP/1.1 302 Found", "Location: /next/?a=1#part", "Set-Cookie: who=me; Path=/; HttpOnly",
        "Set-Cookie: old=x", "Content-Length: 0",
    )  # fmt: skip
    deleted = head("HTTP/1.1 200 OK", "Set-Cookie: who=; Max-Age=0", "Content-Length: 0")

    async def act(browser):
        page = await browser.request("POST", "/join/", {"key": "값"})
        return page.url, dict(browser.cookies)

    (url, cookies), requests = play([redirect, deleted], act)

    assert (url, cookies) == ("/next/?a=1#part".partition("#")[0], {"old": "x"})
    assert requests[0].startswith("POST /join/ ")
    assert requests[1].startswith("key=%EA%B0%92GET /next/?a=1 ")  # after the body
    assert "Cookie: who=me; old=x" in requests[1]


def test_an_idle_connection_that_was_closed_is_opened_anew():
    async def act(browser):
        await browser.request("GET", "/a/")
        return (await browser.request("GET", "/b/")).html

    text, requests = play([WHOLE, None, WHOLE], act)

    assert text == "ok"
    assert len(requests) == 3


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([None], "closed"),
        ([head("HTTP/1.1 302 Found", "Location: http://other.example/", "Content-Length: 0")],
         "sent to another host: other.example"),
        ([head("HTTP/1.1 302 Found", "Location: /a/", "Content-Length: 0")] * 6,
         "too many redirects"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_said(answers, reason):
    async def act(browser):
        with pytest.raises(NoAnswer) as problem:
            await browser.request("GET", "/a/")
        return str(problem.value)

    assert play(answers, act)[0] == reason
