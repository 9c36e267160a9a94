"""The draw and the log at full size: python bench/draw.py [entries]

Prints seconds. Nothing here needs a database.
"""

import hashlib
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from pymerkle import InmemoryTree

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "queue")]

from waiting_room import draw, merkle, public_log  # noqa: E402
from waiting_room.offline import verify_line  # noqa: E402

SEED = hashlib.sha256(b"bench").digest()
AT = datetime(2026, 11, 22, 11, tzinfo=UTC)


def timed(name: str, work: Callable[[], Any], repeat: int = 1) -> Any:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    sys.stdout.write(f"{name:60} {median(times):10.5f} s\n")
    return result


def bench_draw(count: int) -> None:
    # About a thousand places, spread over all entries.
    step = max(1, count // 1000)
    sample = range(0, count, step)
    start = time.perf_counter()
    for entry in sample:
        draw.place_of(entry, count, SEED)
    mean = (time.perf_counter() - start) / len(sample)
    sys.stdout.write(f"{'one place among ' + format(count, ','):60} {mean:10.5f} s\n")
    timed(f"all {count:,} places", lambda: draw.places(count, SEED))


def bench_log() -> None:
    leaves = [
        public_log.leaf_for_ticket("bench", n, AT, public_log.ticket_hash(UUID(int=n)))
        for n in range(1, public_log.PAGE_TICKETS + 1)
    ]
    timed("leaves and root of a page of 4,096 tickets", lambda: public_log.page_root(leaves), 5)
    # An independent implementation, for comparison.
    timed("the same root by pymerkle", lambda: pymerkle_root(leaves), 3)
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    timed("proof in a page", lambda: merkle.path(hashes, 1234), 5)

    pages = 100_000  # a page a second for more than a day
    stored: dict[int, bytes] = {}

    def read(numbers: set[int]) -> dict[int, bytes]:
        return {number: stored[number] for number in numbers}

    def grow() -> None:
        for number in range(1, pages + 1):
            digest = hashlib.sha256(number.to_bytes(4, "big")).digest()
            stored[number] = merkle.nodes_ending_with(number, digest, read)

    timed(f"appending {pages:,} pages", grow)
    timed(f"root of {pages:,} pages", lambda: merkle.log_root(pages, read), 5)
    timed(f"proof among {pages:,} pages", lambda: merkle.log_path(54_321, pages, read), 5)


def pymerkle_root(leaves: list[bytes]) -> bytes:
    tree = InmemoryTree()
    tree.append_entries(leaves)
    return tree.get_root()


class Log:
    """The pages of a room's log in memory, as the tick appends them."""

    def __init__(self) -> None:
        self.pages: list[tuple[public_log.Page, list[tuple], list[bytes]]] = []
        self.nodes: dict[int, bytes] = {}
        self.root, self.upto, self.acts = merkle.EMPTY_ROOT.hex(), 0, 0

    def append(self, tickets: list[tuple], *acts: tuple[str, dict[str, Any]]) -> None:
        """Add a page with `tickets` and then `acts`, each by name and details."""
        leaves = []
        for name, details in acts:
            self.acts += 1
            leaves.append(public_log.leaf_for_act("bench", self.acts, name, AT, **details))
        upto = tickets[-1][0] if tickets else self.upto
        page = public_log.make_page(
            room="bench", number=len(self.pages) + 1, previous=self.root, after=self.upto,
            upto=upto, act_leaves=leaves, at=AT,
            ticket_leaves=[public_log.leaf_for_ticket("bench", *ticket) for ticket in tickets],
        )  # fmt: skip
        self.nodes[page.number], self.root = public_log.append(page, self._read)
        self.pages.append((page, tickets, leaves))
        self.upto = upto

    def _read(self, numbers: set[int]) -> dict[int, bytes]:
        return {number: self.nodes[number] for number in numbers}


def write_log(path: Path, count: int) -> None:
    """Write the log of a room with `count` tickets, drawn and called."""
    secret, log, opens_at = bytes(32), Log(), public_log.microseconds(AT)
    commitment = draw.commitment(secret)
    # A made-up number, as the sample campaign uses it: a beacon's would need the network.
    plan = {"opens_at": opens_at, "order": "draw", "source": "sample", "after": 0}
    plan["joins_from"] = opens_at
    begun = {"commitment": commitment, "format": public_log.FORMAT}
    pace = {"max_active": count, "max_per_minute": 60 * count}
    log.append([], (public_log.COMMIT, begun), (public_log.PLAN, plan), ("pace", pace))
    for start in range(1, count + 1, public_log.PAGE_TICKETS):
        entries = range(start, min(count, start + public_log.PAGE_TICKETS - 1) + 1)
        log.append([(n, AT, public_log.ticket_hash(UUID(int=n))) for n in entries])
    # The digest of the list is the root before the page with the freeze.
    digest = log.root
    log.append([], (public_log.FREEZE, {"count": count, "digest": digest}))
    inputs = draw.inputs_of({"portal": secret.hex(), "sample": "00"})
    seed = draw.seed_from(bytes.fromhex(digest), inputs)
    reveal = {"inputs": inputs, "seed": seed.hex()}
    log.append(
        [],
        (public_log.REVEAL, {**reveal, "source": "sample"}),
        (public_log.CALL, {"first": 1, "last": count}),
    )
    places = draw.places(count, seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(
            public_log.csv_head(
                room="bench", order="draw", opens_at=opens_at, commitment=commitment,
                frozen=count, list_digest=digest, **reveal,
            )
        )  # fmt: skip
        for page, tickets, leaves in log.pages:
            file.write(public_log.csv_page(page))
            file.writelines(
                public_log.csv_ticket(*ticket, places[ticket[0] - 1] + 1) for ticket in tickets
            )
            file.writelines(public_log.csv_act(leaf) for leaf in leaves)
        file.write(public_log.csv_root(len(log.pages), AT, log.root))


def bench_verifier(count: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        timed(f"making and writing the log of {count:,} tickets", lambda: write_log(path, count))
        size = path.stat().st_size
        sys.stdout.write(f"{'its size':60} {size / 1e6:10.1f} MB\n")
        code = timed(
            "checking it with offline/verify_line.py", lambda: verify_line.main([str(path)])
        )
        if code:  # a log that does not verify would make the time meaningless
            raise SystemExit(code)


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    bench_draw(size)
    bench_log()
    bench_verifier(size)
