"""HTTP to peers that the settings name, and to nobody else."""

import time
from collections.abc import Collection, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

# More than any document or token has; what comes after is not read.
MOST_BYTES = 512 * 1024
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

Session = TypeVar("Session", bound=requests.Session)


class NotAPeer(requests.RequestException):
    """This address is of a host that no setting names, or without TLS; it is not called."""


class TooMuch(requests.RequestException):
    """The answer is larger than any that is expected, or did not end in time."""


def check_peer(address: str, hosts: Collection[str]) -> None:
    """NotAPeer unless the address is of one of `hosts`, by TLS; on this machine also without."""
    parts = urlsplit(address)
    if parts.hostname not in hosts:
        raise NotAPeer(f"no setting names {parts.hostname}")
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise NotAPeer(f"{parts.hostname} without TLS")


def bound(session: Session, hosts: Collection[str], *, seconds: float) -> Session:
    """The session, which now calls `hosts` alone, is redirected nowhere, and takes an answer that
    ends within so many seconds."""
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
    """The body as it comes: a socket's time limit counts from one byte to the next."""
    body = bytearray()
    try:
        while piece := response.raw.read1(16 * 1024, decode_content=True):
            body += piece
            if len(body) > MOST_BYTES or time.monotonic() > ends:
                raise TooMuch("too large, or without an end")
    except (HTTPError, OSError) as error:
        raise requests.ConnectionError(error) from error
    return bytes(body)
