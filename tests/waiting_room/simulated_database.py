"""A model of the database that batched joins talk to, behind detangle's simulated network.

The rules of the joining statement (waiting_room.services.joining) in plain Python. Requests and
answers are frames on a TCP stream, whose packets arrive late, joined together or split.
"""

import asyncio
import json
import struct
from collections import Counter
from collections.abc import Sequence
from typing import Any

import detangle
import psycopg

HOST, PORT = "database", 5432
# What can go wrong with a statement. The first is what a failing run is reduced to.
FAULTS = [
    "none", "none", "none", "none", "slow", "cut before", "cut after", "hangs", "hangs and commits",
    "refused", "unheard of",
]  # fmt: skip
HANG_SECONDS = 3600
CANCELLING_SECONDS = [0, 5, 10]  # how long psycopg waits for a statement that it cancelled

Row = tuple[int, str]  # person id, id of the ticket


class Database:
    """Tickets, and what happened to them; `faults` are chosen from for each statement."""

    def __init__(
        self, *, faults: Sequence[str], refused: frozenset[int], generations: dict[int, int]
    ) -> None:
        self.faults, self.refused, self.generations = faults, refused, generations
        self.tickets: dict[tuple[int, int], tuple[str, int]] = {}  # room, person: id, entry
        self.numbers: Counter[int] = Counter()
        self.statements: list[list[int]] = []  # the people of each
        self.harm = 0  # statements that came to harm
        self.connections = 0

    async def listen(self) -> None:
        server = await asyncio.start_server(self._serve, HOST, PORT)
        await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await self._answer(await read_frame(reader), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.connections -= 1
            writer.close()

    async def _answer(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        fault = detangle.choice(self.faults)
        detangle.note(f"statement for {request['people']}: {fault}")
        self.statements.append(request["people"])
        self.harm += fault not in ("none", "slow")
        if fault == "slow":
            await asyncio.sleep(detangle.uniform(0.01, 4))
        elif fault == "cut before":
            self._cut(writer)
        elif fault == "hangs":
            await asyncio.sleep(HANG_SECONDS)
            self._cut(writer)
        elif fault in ("refused", "unheard of"):
            write_frame(writer, {"error": fault})
            return
        elif fault == "hangs and commits":
            # Longer than the batch's patience: it comes into the line behind the batch's back.
            await asyncio.sleep(detangle.uniform(14, 40))
        rows = self.commit(request)
        if fault == "cut after":
            self._cut(writer)
        write_frame(writer, {"rows": rows})

    def _cut(self, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
        raise ConnectionError

    def commit(self, request: dict[str, Any]) -> list[Row]:
        """The statement: new tickets in the order asked for, and those that were there."""
        rows = []
        for ticket_id, person, generation in zip(
            request["ids"], request["people"], request["generations"], strict=True
        ):
            if not self.may_join(person, generation):
                continue
            key = request["room"], person
            if key not in self.tickets:
                self.numbers[request["room"]] += 1
                self.tickets[key] = ticket_id, self.numbers[request["room"]]
            rows.append((person, self.tickets[key][0]))
        return rows

    def may_join(self, person: int, generation: int) -> bool:
        return person not in self.refused and self.generations.get(person, 0) <= generation


class Link:
    """What a JoinBatcher takes for its connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls) -> "Link":
        try:
            return cls(*await asyncio.open_connection(HOST, PORT))
        except OSError as error:
            raise psycopg.OperationalError("connection failed") from error

    async def execute(self, _sql: str, values: dict[str, Any]) -> "Rows":
        try:
            write_frame(self._writer, request_of(values))
            answer = await read_frame(self._reader)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise psycopg.OperationalError("the connection was lost") from error
        except asyncio.CancelledError:
            await asyncio.sleep(detangle.choice(CANCELLING_SECONDS))
            raise
        if answer.get("error") == "refused":
            raise psycopg.errors.DiskFull("could not extend file")
        if answer.get("error"):
            raise RuntimeError("an error that nobody thought of")
        return Rows([tuple(row) for row in answer["rows"]])

    async def close(self) -> None:
        self._writer.close()


class Rows:
    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    async def fetchall(self) -> list[Row]:
        return self._rows


def request_of(values: dict[str, Any]) -> dict[str, Any]:
    """What the model needs of the statement's parameters (services.joining.parameters)."""
    lists = {name: values[name].strip("{}").split(",") for name in ("ids", "people", "generations")}
    return {
        "room": values["room"],
        "ids": lists["ids"],
        "people": [int(person) for person in lists["people"]],
        "generations": [int(generation) for generation in lists["generations"]],
    }


def write_frame(writer: asyncio.StreamWriter, frame: dict[str, Any]) -> None:
    data = json.dumps(frame).encode()
    writer.write(struct.pack(">I", len(data)) + data)


async def read_frame(reader: asyncio.StreamReader) -> Any:
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    return json.loads(await reader.readexactly(length))
