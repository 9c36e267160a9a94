"""Joins over a connection to the real database whose bytes come one by one, or are cut anywhere."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import OperationalError, connection

from tests.waiting_room.scene import issued, make_eligible, make_room
from waiting_room import batched_joins
from waiting_room.batched_joins import JoinBatcher
from waiting_room.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 3


class Line:
    """A proxy in front of the database. Hands on `piece` bytes at a time, and cuts its first `cuts`
    connections after `upto` bytes of what the server says."""

    def __init__(self, *, piece: int = 65536) -> None:
        self.piece, self.cuts, self.upto = piece, 0, 0
        self.said: list[int] = []  # bytes of the server, for each connection
        info = connection.get_connection_params()
        self.server = info["host"], int(info.get("port") or 5432)
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            number = len(self.said)
            self.said.append(0)
            limit = self.upto if number < self.cuts else None
            args = client, self._reach(), limit, number
            threading.Thread(target=self._serve, args=args, daemon=True).start()

    def _serve(
        self, client: socket.socket, server: socket.socket, limit: int | None, number: int
    ) -> None:
        # Nagle's algorithm would put the pieces together again.
        for end in (client, server):
            if end.family == socket.AF_INET:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client, server:
            back = threading.Thread(
                target=self._hand_on, args=(server, client, limit, number), daemon=True
            )
            back.start()
            self._hand_on(client, server, None, None)
            back.join()

    def _reach(self) -> socket.socket:
        host, port = self.server
        if not host.startswith("/"):
            return socket.create_connection(self.server)
        unix = socket.socket(socket.AF_UNIX)
        unix.connect(f"{host}/.s.PGSQL.{port}")
        return unix

    def _hand_on(
        self, source: socket.socket, target: socket.socket, most: int | None, number: int | None
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(self.piece):
                if number is not None:
                    self.said[number] += len(data)
                    if most is not None and self.said[number] > most:
                        target.sendall(data[: len(data) - (self.said[number] - most)])
                        break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line(monkeypatch) -> Iterator[Line]:
    line = Line()
    host, port = line.listener.getsockname()
    own = connection.get_connection_params()

    async def connect() -> psycopg.AsyncConnection:
        kinds = {"cursor_factory": psycopg.AsyncCursor, "context": None, "sslmode": "disable"}
        params = own | kinds | {"host": host, "port": port, "gssencmode": "disable"}
        return await psycopg.AsyncConnection.connect(autocommit=True, **params)

    monkeypatch.setattr(batched_joins, "connect", connect)
    yield line
    line.stop()


def join_all(room, people) -> list[str | BaseException | None]:
    """One person, then the others, so that the second batch finds a connection that is open."""

    async def all_of_them():
        batcher, outcomes = JoinBatcher(), []
        for group in (people[:1], people[1:]):
            joins = [batcher.join(room.pk, person.pk, (0, 0)) for person in group]
            answers = asyncio.gather(*joins, return_exceptions=True)
            outcomes += await asyncio.wait_for(answers, 60)
        await batcher.close()
        return outcomes

    # In a thread of its own: Playwright's event loop may run in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(all_of_them())).result()


def tickets_of(room, people) -> list[str]:
    ids = {ticket.person_id: str(ticket.pk) for ticket in Ticket.objects.filter(room=room)}
    return [ids[person.pk] for person in people]


def test_bytes_that_come_one_by_one_are_put_together(line):
    room = make_room()
    people = [make_eligible(room) for _ in range(40)]
    line.piece = 1

    outcomes = join_all(room, people)

    assert outcomes == tickets_of(room, people)
    assert issued(room) == 40


def test_a_connection_cut_after_any_byte_costs_nobody_their_place(line):
    room = make_room()
    join_all(room, [make_eligible(room) for _ in range(PEOPLE)])
    [whole] = line.said
    step = max(1, whole // 24)

    for upto in [*range(0, whole, step), whole - 1]:
        people = [make_eligible(room) for _ in range(PEOPLE)]
        # The first connection breaks; then both, so that the batch is given up.
        for cuts in (1, 2):
            line.said.clear()
            line.cuts, line.upto = cuts, upto
            outcomes = join_all(room, people)
            for outcome in outcomes:
                assert isinstance(outcome, str | OperationalError), upto
            if not all(isinstance(outcome, str) for outcome in outcomes):
                line.cuts = 0
                again = join_all(room, people)
                told = [outcome for outcome in outcomes if isinstance(outcome, str)]
                assert set(told) <= set(again)
                outcomes = again
            assert outcomes == tickets_of(room, people), upto
        entries = Ticket.objects.filter(room=room).values_list("entry", flat=True)
        assert len(entries) == len(set(entries))
