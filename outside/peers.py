"""HTTP requests to hosts that the settings name, and to no others (against SSRF)."""

import time
from collections.abc import Collection, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

# Larger than any expected document or token.
MOST_BYTES = 512 * 1024
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

Session = TypeVar("Session", bound=requests.Session)


class NotAPeer(requests.RequestException):
    """The URL's host is not in the settings, or it has no TLS; no request is made."""


class TooMuch(requests.RequestException):
    """The response is larger than MOST_BYTES or did not end in time."""


def check_peer(address: str, hosts: Collection[str]) -> None:
    """Raise NotAPeer unless the URL is of one of `hosts`, with TLS; loopback may do without."""
    parts = urlsplit(address)
    if parts.hostname not in hosts:
        raise NotAPeer(f"no setting names {parts.hostname}")
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise NotAPeer(f"{parts.hostname} without TLS")


def bound(session: Session, hosts: Collection[str], *, seconds: float) -> Session:
    """Restrict a session to `hosts`, without redirects, with a total timeout of `seconds`."""
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, _PeerAdapter(hosts, seconds))
    return session


class _PeerAdapter(HTTPAdapter):
    def __init__(self, hosts: Collection[str], seconds: float) -> None:
        super().__init__()
        self._hosts, self._seconds = hosts, seconds

    def send(  # the time limit and the stream are this adapter's own, whatever is asked
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        check_peer(request.url or "", self._hosts)
        ends = time.monotonic() + self._seconds
        response = super().send(
            request,
            stream=True,
            timeout=self._seconds,
            verify=verify,
            cert=cert,
            proxies=dict(proxies or {}),
        )
        with response:
            response._content = _read(response, ends)
        return response


def _read(response: requests.Response, ends: float) -> bytes:
    """Read the body with limits of size and time; a socket's timeout starts anew at each byte."""
    body = bytearray()
    try:
        while piece := response.raw.read1(16 * 1024, decode_content=True):
            body += piece
            if len(body) > MOST_BYTES or time.monotonic() > ends:
                raise TooMuch("too large, or without an end")
    except (HTTPError, OSError) as error:
        raise requests.ConnectionError(error) from error
    return bytes(body)
