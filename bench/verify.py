"""How long a stranger's computer works to check a whole line: verify_line.py on one core.

    python -m bench.verify [PEOPLE] [PAGES]

The log of a room with a draw, in the portal's own format: PEOPLE tickets (1,000,000) on PAGES pages
(60,000, about as many as ticks while people gather), a call each second afterwards. Promised: under
60 seconds of one core for a million.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import config  # noqa: F401  (puts queue/ on the path)
from waiting_room import draw, merkle, public_log
from waiting_room.offline import verify_line

ROOM = "seoul-60s"
OPENS = datetime(2027, 4, 14, 20, tzinfo=UTC)
SECRET = bytes(range(32))
PER_CALL = 100


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    pages = int(sys.argv[2]) if len(sys.argv) > 2 else 60_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.csv"
        started = time.perf_counter()
        write(path, people, pages)
        size = path.stat().st_size / 1e6
        print(
            f"{people:,} tickets, {size:.0f} MB, written in {time.perf_counter() - started:.0f} s"
        )
        started = time.perf_counter()
        # As a stranger runs it: the file alone, in a process whose time is measured.
        command = [sys.executable, "-I", "-S", verify_line.__file__, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wall = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = used.ru_utime + used.ru_stime
        print(done.stdout.strip() + done.stderr.strip())
        if done.returncode:
            raise SystemExit("The log is not in order.")
        verdict = "kept" if seconds < 60 else "BROKEN"
        print(
            f"verify_line.py: {seconds:.1f} s of one core, {wall:.1f} s in all, most memory "
            f"{used.ru_maxrss / 1024:.0f} MB (promised under 60 for a million, {verdict})"
        )


def write(path: Path, people: int, pages: int) -> None:
    book = Book()
    begun = {"by": "portal", "format": public_log.FORMAT}
    book.page(0, "commit", {"commitment": draw.commitment(SECRET), **begun})
    joins_from = public_log.microseconds(OPENS - timedelta(days=1))
    plan = {"opens_at": public_log.microseconds(OPENS), "order": "draw", "source": "sample"}
    book.page(0, "plan", {**plan, "after": 0, "joins_from": joins_from})
    book.page(0, "pace", {"max_active": people, "max_per_minute": 60 * PER_CALL})
    for number in range(1, pages + 1):
        book.page(people * number // pages)
    # The freeze stands on a page of its own, after the root that is its digest.
    digest = book.root
    book.page(people, "freeze", {"count": people, "digest": digest})
    inputs = draw.inputs_of({"portal": SECRET.hex(), "sample": "ab" * 32})
    seed = draw.seed_from(bytes.fromhex(digest), inputs)
    book.page(people, "reveal", {"inputs": inputs, "seed": seed.hex(), "source": "sample"})
    for first in range(1, people + 1, PER_CALL):
        book.page(people, "call", {"first": first, "last": min(first + PER_CALL - 1, people)})
    head = public_log.csv_head(
        room=ROOM, order="draw", opens_at=public_log.microseconds(OPENS),
        commitment=draw.commitment(SECRET), frozen=people, list_digest=digest, inputs=inputs,
        seed=seed.hex(),
    )  # fmt: skip
    with path.open("w", encoding="utf-8") as file:
        file.write(head)
        file.writelines(book.lines(draw.places(people, seed)))


class Book:
    """Pages as the tick writes them, without a database."""

    def __init__(self) -> None:
        self.pages: list[tuple[public_log.Page, list[tuple[int, datetime, str]], list[bytes]]] = []
        self.nodes: dict[int, bytes] = {}
        self.root = merkle.EMPTY_ROOT.hex()
        self.upto = self.acts = 0

    def page(self, upto: int, act: str = "", details: dict[str, object] | None = None) -> None:
        at = OPENS + timedelta(seconds=self.acts)
        start = OPENS - timedelta(days=1)
        tickets = [
            (entry, start + timedelta(milliseconds=entry), public_log.ticket_hash(UUID(int=entry)))
            for entry in range(self.upto + 1, upto + 1)
        ]
        leaves = []
        if act:
            self.acts += 1
            at = start - timedelta(hours=1) if act in ("plan", "commit", "pace") else at
            leaves = [public_log.leaf_for_act(ROOM, self.acts, act, at, **(details or {}))]
        page = public_log.make_page(
            room=ROOM, number=len(self.pages) + 1, previous=self.root, after=self.upto, upto=upto,
            ticket_leaves=[public_log.leaf_for_ticket(ROOM, *ticket) for ticket in tickets],
            act_leaves=leaves, at=at,
        )  # fmt: skip
        self.nodes[page.number], self.root = public_log.append(page, self.read)
        self.pages.append((page, tickets, leaves))
        self.upto = upto

    def read(self, numbers: set[int]) -> dict[int, bytes]:
        return {number: self.nodes[number] for number in numbers}

    def lines(self, places) -> Iterator[str]:
        for page, tickets, acts in self.pages:
            yield public_log.csv_page(page)
            for entry, joined_at, digest in tickets:
                yield public_log.csv_ticket(entry, joined_at, digest, places[entry - 1] + 1)
            yield from map(public_log.csv_act, acts)
        yield public_log.csv_root(len(self.pages), OPENS, self.root)


if __name__ == "__main__":
    main()
