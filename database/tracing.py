"""The id of the request or job that a thread works for: in its log lines and its statements, so
that lines of the portal and of Postgres can be found together."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("traced", default="")
# Asked where no request is under way: outside.jobs names the job of a worker.
_others: list[Callable[[], str]] = []


def traced() -> str:
    """The id, "" outside of a request and a job."""
    return _current.get() or next(filter(None, (ask() for ask in _others)), "")


def trace_by(ask: Callable[[], str]) -> None:
    if ask not in _others:
        _others.append(ask)


@contextmanager
def tracing(name: str) -> Iterator[None]:
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)


def tagged(sql: str) -> str:
    """The statement with the id as a comment, which costs neither a round trip nor a plan: these
    statements are not prepared, and pg_stat_statements counts them as the same."""
    name = traced()
    return f"{sql} /* {name} */" if name else sql
