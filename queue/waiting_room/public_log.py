"""The public log of a room: its tickets and acts, in pages, in a Merkle tree of pages.

docs/line-log.md is the specification, byte by byte; offline/verify_line.py verifies a log without
this code. A page holds the tickets with entry numbers in (after, upto], in that order, and then the
acts since the page before. The log identifies nobody: of a ticket it has the SHA-256 of its id, its
entry number and when it was issued.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from waiting_room import merkle

FORMAT = 3
PAGE_TICKETS = 4096
COLUMNS = ["row", "number", "at", "hash", "details"]

# Acts that a verifier interprets; a log may hold others, which it only hashes.
COMMIT, PLAN, FREEZE, REVEAL, CALL = "commit", "plan", "freeze", "reveal", "call"
PAUSE, RESUME, CLOSE = "pause", "resume", "close"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Page:
    """The record of a page, which is a leaf of the log's tree."""

    room: str
    number: int  # from 1
    previous: str  # the root of the log before this page
    after: int
    upto: int
    tickets: int
    acts: int
    at: int  # microseconds since 1970, UTC
    root: str

    def record(self) -> bytes:
        return canonical(vars(self))

    def leaf_hash(self) -> bytes:
        return merkle.leaf_hash(self.record())


def microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(at: int) -> datetime:
    return _EPOCH + at * _MICROSECOND


def ticket_hash(ticket_id: UUID) -> str:
    """SHA-256 of the id as it appears in the address of the ticket page."""
    return hashlib.sha256(str(ticket_id).encode()).hexdigest()


def canonical(record: Mapping[str, object]) -> bytes:
    """JSON with sorted keys and no spaces, in UTF-8. Raises TypeError for fractions, whose text
    differs between languages, and for other types."""
    for key, value in record.items():
        if not isinstance(value, str | int | None):
            raise TypeError(f"“{key}” must be text, a whole number or nothing, not {value!r}.")
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def leaf_for_ticket(room: str, entry: int, joined_at: datetime, digest: str) -> bytes:
    return f"ticket,{room},{entry},{microseconds(joined_at)},{digest}".encode()


def leaf_for_act(room: str, number: int, act: str, at: datetime, **details: object) -> bytes:
    """An act of the room; `number` counts its acts from 1, over all pages.

    call: first, last · freeze: count, digest · commit: commitment, by · plan: opens_at, order, and
    the rule of the draw · reveal: inputs, seed, source, and a beacon's round and signature
    """
    return canonical(
        {"act": act, "at": microseconds(at), "number": number, "room": room, **details}
    )


def page_root(leaves: Iterable[bytes]) -> str:
    return merkle.root([merkle.leaf_hash(leaf) for leaf in leaves]).hex()


def make_page(
    *,
    room: str,
    number: int,
    previous: str,
    after: int,
    upto: int,
    ticket_leaves: Sequence[bytes],
    act_leaves: Sequence[bytes],
    at: datetime,
) -> Page:
    if len(ticket_leaves) > PAGE_TICKETS:
        raise ValueError(f"A page holds {PAGE_TICKETS} tickets, not {len(ticket_leaves)}.")
    return Page(
        room=room,
        number=number,
        previous=previous,
        after=after,
        upto=upto,
        tickets=len(ticket_leaves),
        acts=len(act_leaves),
        at=microseconds(at),
        root=page_root([*ticket_leaves, *act_leaves]),
    )


def append(page: Page, read: merkle.Read) -> tuple[bytes, str]:
    """The nodes to store with a new page (merkle.nodes_ending_with), and the log's new root."""
    nodes = merkle.nodes_ending_with(page.number, page.leaf_hash(), read)

    def read_with_page(numbers: set[int]) -> Mapping[int, bytes]:
        earlier = numbers - {page.number}
        return {**(read(earlier) if earlier else {}), page.number: nodes}

    return nodes, merkle.log_root(page.number, read_with_page).hex()


def root_of_pages(pages: Iterable[Page]) -> str:
    """The root of the log, from all its pages."""
    return merkle.root([page.leaf_hash() for page in pages]).hex()


def prove(
    *, page: Page, leaves: Sequence[bytes], index: int, size: int, read: merkle.Read
) -> dict[str, object]:
    """The proof that the leaf at `index` (from 0) of `page` is in the log of `size` pages.

    Its format is part of docs/line-log.md; `verify` and the offline verifier check it.
    """
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    return {
        "leaf": leaves[index].decode(),
        "index": index,
        "page_path": [step.hex() for step in merkle.path(hashes, index)],
        "page": page.record().decode(),
        "size": size,
        "log_path": [step.hex() for step in merkle.log_path(page.number, size, read)],
        "root": merkle.log_root(size, read).hex(),
    }


def verify(proof: Mapping[str, Any]) -> bool:
    """Whether the proof leads from its leaf to its root. The caller compares the root with a
    published one."""
    page = json.loads(proof["page"])
    in_page = merkle.root_from_path(
        merkle.leaf_hash(proof["leaf"].encode()),
        proof["index"],
        page["tickets"] + page["acts"],
        [bytes.fromhex(step) for step in proof["page_path"]],
    )
    in_log = merkle.root_from_path(
        merkle.leaf_hash(proof["page"].encode()),
        page["number"] - 1,
        proof["size"],
        [bytes.fromhex(step) for step in proof["log_path"]],
    )
    return (
        in_page is not None
        and in_log is not None
        and in_page.hex() == page["root"]
        and in_log.hex() == proof["root"]
    )


def csv_line(
    row: str, number: object = "", at: object = "", digest: str = "", details: object = ""
) -> str:
    """One line of the log's CSV, ended by a line feed."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([row, number, at, digest, details])
    return line.getvalue()


def csv_head(
    *,
    room: str,
    order: str,
    opens_at: int,
    log_format: int = FORMAT,
    commitment: str = "",
    frozen: int | None = None,
    list_digest: str = "",
    inputs: str = "",
    seed: str = "",
) -> str:
    """The first lines of the CSV: the room, and its draw as far as it has come.

    `order` is draw or fifo, `opens_at` microseconds since 1970.
    """
    lines = [
        ",".join(COLUMNS) + "\n",
        csv_line("jari-line", log_format),
        csv_line("room", details=room),
        csv_line("order", details=order),
        csv_line("opens", at=opens_at),
    ]
    if commitment:
        lines.append(csv_line("commitment", digest=commitment))
    if frozen is not None:
        lines.append(csv_line("frozen", frozen, digest=list_digest))
    if seed:
        lines += [
            csv_line("inputs", details=inputs),
            csv_line("seed", digest=seed),
        ]
    return "".join(lines)


def csv_page(page: Page) -> str:
    return csv_line("page", page.number, page.at, page.root, page.record().decode())


def csv_ticket(entry: int, joined_at: datetime, digest: str, place: int | None = None) -> str:
    # Without the csv module, for speed: no field needs quoting.
    place_text = "" if place is None else place
    return f"ticket,{entry},{microseconds(joined_at)},{digest},{place_text}\n"


def csv_act(leaf: bytes) -> str:
    act = json.loads(leaf)
    return csv_line("act", act["number"], act["at"], "", leaf.decode())


def csv_root(size: int, at: datetime, root: str) -> str:
    return csv_line("root", size, microseconds(at), root)
