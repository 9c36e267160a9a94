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


def write_log(path: Path, count: int) -> None:
    """Write the log of a room with `count` tickets, drawn and called."""
    secret, stored, root = bytes(32), {}, merkle.EMPTY_ROOT.hex()
    commitment = draw.commitment(secret)
    pages: list[tuple[public_log.Page, list[tuple], list[bytes]]] = []

    def read(numbers: set[int]) -> dict[int, bytes]:
        return {number: stored[number] for number in numbers}

    def add(upto: int, tickets: list[tuple], acts: list[bytes]) -> str:
        after = pages[-1][0].upto if pages else 0
        page = public_log.make_page(
            room="bench", number=len(pages) + 1, previous=root, after=after, upto=upto,
            ticket_leaves=[public_log.leaf_for_ticket("bench", *ticket) for ticket in tickets],
            act_leaves=acts, at=AT,
        )  # fmt: skip
        stored[page.number], new_root = public_log.append(page, read)
        pages.append((page, tickets, acts))
        return new_root

    root = add(
        0, [], [public_log.leaf_for_act("bench", 1, public_log.COMMIT, AT, commitment=commitment)]
    )
    for start in range(1, count + 1, public_log.PAGE_TICKETS):
        upto = min(count, start + public_log.PAGE_TICKETS - 1)
        tickets = [(n, AT, public_log.ticket_hash(UUID(int=n))) for n in range(start, upto + 1)]
        root = add(upto, tickets, [])
    inputs = draw.inputs_of({"portal": secret.hex(), "sample": "00"})
    seed = draw.seed_from(bytes.fromhex(root), inputs)
    freeze = {"count": count, "digest": root}
    reveal = {"inputs": inputs, "seed": seed.hex()}
    acts = [
        public_log.leaf_for_act("bench", 2, public_log.FREEZE, AT, **freeze),
        public_log.leaf_for_act("bench", 3, public_log.REVEAL, AT, **reveal),
        public_log.leaf_for_act("bench", 4, public_log.CALL, AT, first=1, last=count),
    ]
    # The digest of the list is the root before the page with the freeze.
    digest, root = root, add(count, [], acts)
    places = draw.places(count, seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(
            public_log.csv_head(
                room="bench", order="draw", opens_at=AT, commitment=commitment, frozen=count,
                list_digest=digest, **reveal,
            )
        )  # fmt: skip
        for page, tickets, leaves in pages:
            file.write(public_log.csv_page(page))
            file.writelines(
                public_log.csv_ticket(*ticket, places[ticket[0] - 1] + 1) for ticket in tickets
            )
            file.writelines(public_log.csv_act(leaf) for leaf in leaves)
        file.write(public_log.csv_root(len(pages), AT, root))


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
