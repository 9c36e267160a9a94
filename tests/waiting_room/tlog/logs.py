"""Logs of pages in the portal's format, for tests of their readers."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from waiting_room import merkle, public_log
from waiting_room.tlog import tiles
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import Note, Signer
from waiting_room.tlog.tiles import tiles_between

ORIGIN = "jari.example.kr/queue/seoul/log"
SIGNER = Signer(ORIGIN, sha256(b"a key for tests").digest())
AT = datetime(2026, 7, 12, 11, tzinfo=UTC)


class Log:
    """A log of pages with one ticket each; another `salt` gives other pages.

    `same` is the number of pages that logs of different salt have in common.
    """

    def __init__(self, size: int, salt: int = 0, *, same: int = 0, signer: Signer = SIGNER) -> None:
        self.signer = signer
        self.records: list[bytes] = []
        self.nodes: dict[int, bytes] = {}
        previous = merkle.EMPTY_ROOT.hex()
        for number in range(1, size + 1):
            digest = public_log.ticket_hash(UUID(int=number + (salt if number > same else 0)))
            joined = AT + timedelta(seconds=number)
            page = public_log.make_page(
                room="seoul", number=number, previous=previous, after=number - 1, upto=number,
                ticket_leaves=[public_log.leaf_for_ticket("seoul", number, joined, digest)],
                act_leaves=[], at=joined,
            )  # fmt: skip
            self.nodes[number], previous = public_log.append(page, self.read)
            self.records.append(page.record())

    def read(self, numbers):
        return {number: self.nodes[number] for number in numbers}

    def root(self, size: int) -> bytes:
        return merkle.log_root(size, self.read)

    def proof(self, old: int, new: int) -> list[bytes]:
        """The proof that the log of `new` pages begins with that of `old`."""
        return merkle.consistency_path(old, new, self.read) if old else []

    def checkpoint(self, size: int, *, signer: Signer | None = None) -> Note:
        by = signer or self.signer
        return Checkpoint(self.signer.verifier.name, size, self.root(size)).signed_by([by])

    def write(self, folder: Path, old: int, new: int) -> None:
        for tile in tiles_between(old, new):
            path = folder / tile.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if tile.level is None:
                entries = [self.records[number - 1] for number in tile.numbers()]
                path.write_bytes(tiles.bundle(entries))
            else:
                path.write_bytes(tiles.hashes_of(tile, self.read))
        (folder / "checkpoint").write_text(str(self.checkpoint(new)))
