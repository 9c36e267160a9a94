"""The public log of a room as C2SP's static files: signed checkpoints, tiles, and proofs.

Everything is made from the pages in the database, so any node can answer for any file; the tick
also writes the files, for nginx or a CDN to serve.
"""

import json
import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from waiting_room import merkle
from waiting_room.models import LogPage, Room, Ticket
from waiting_room.services.log_pages import as_page, read_nodes
from waiting_room.services.publishing import prove
from waiting_room.tlog import tiles
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import BadNote, Note, Signer
from waiting_room.tlog.proofs import Proof
from waiting_room.tlog.tiles import Tile, tiles_between


def origin_of(code: str) -> str:
    """The name of a room's log: its address without the scheme."""
    return f"{urlsplit(settings.PUBLIC_URL).netloc}/queue/{code}/log"


def signers_of(code: str) -> list[Signer]:
    """All keys in use sign: during a change of keys both the new and the old one."""
    return [Signer(origin_of(code), key) for key in settings.LOG_KEYS]


def checkpoint_of(room: Room) -> Note:
    """The log as it stands, signed."""
    last = room.pages.order_by("-number").first()
    size, root = (last.number, bytes.fromhex(last.log_root)) if last else (0, merkle.EMPTY_ROOT)
    code = room.cohort.code
    return Checkpoint(origin_of(code), size, root).signed_by(signers_of(code))


def policy_of(code: str) -> str:
    """Who signs, in the format of C2SP tlog-policy."""
    address = f"{settings.PUBLIC_URL.rstrip('/')}/queue/{code}/log"
    logs = "".join(f"log {signer.verifier} {address}\n" for signer in signers_of(code))
    return f"{logs}quorum none\n"


def tile_of(room: Room, tile: Tile) -> bytes | None:
    """The bytes of a tile; None if the log has not grown so far."""
    size = room.pages.order_by("-number").values_list("number", flat=True).first() or 0
    return _bytes_of(room, tile) if tile.exists_in(size) else None


def _bytes_of(room: Room, tile: Tile) -> bytes:
    if tile.level is not None:
        return tiles.hashes_of(tile, read_nodes(room.pk))
    first, last = tile.numbers()[0], tile.numbers()[-1]
    pages = list(room.pages.filter(number__range=(first - 1, last)).order_by("number"))
    before = pages.pop(0).log_root if first > 1 else merkle.EMPTY_ROOT.hex()
    roots = [before, *(page.log_root for page in pages)]
    records = (
        as_page(room.cohort.code, page, previous).record()
        for page, previous in zip(pages, roots, strict=False)
    )
    return tiles.bundle(records)


def proof_of(ticket: Ticket, size: int | None = None) -> Proof | None:
    """The proof of a ticket in the log as it stands, or as a checkpoint of `size` pages has it.

    None until the tick has taken the ticket in. The entry is the ticket's page. `extra` leads from
    the ticket to that page, and proves the last page, which says how many numbers were given
    (docs/line-log.md).
    """
    found = prove(ticket, size)
    if found is None:
        return None
    room, size = ticket.room, found["size"]
    last = LogPage.objects.get(room=room, number=size)
    before = LogPage.objects.filter(room=room, number=size - 1).first()
    root_before = before.log_root if before else merkle.EMPTY_ROOT.hex()
    code = room.cohort.code
    extra = {name: found[name] for name in ("leaf", "index", "page_path", "page")}
    extra["last"] = as_page(code, last, root_before).record().decode()
    extra["last_path"] = [step.hex() for step in merkle.log_path(size, size, read_nodes(room.pk))]
    return Proof(
        index=json.loads(found["page"])["number"] - 1,
        steps=[bytes.fromhex(step) for step in found["log_path"]],
        checkpoint=Checkpoint(origin_of(code), size, bytes.fromhex(last.log_root)).signed_by(
            signers_of(code)
        ),
        extra=json.dumps(extra, ensure_ascii=False).encode(),
    )


def write_log_files(room: Room) -> int:
    """Write what is new since the last time; how many files. The checkpoint comes last, so that
    whoever reads it finds every tile it needs."""
    folder = Path(settings.HOME) / "tlog" / room.cohort.code
    note = checkpoint_of(room)
    size = Checkpoint.of(note).size
    old = _written_size(folder)
    if old == size:
        return 0
    if old > size:  # another database stands behind the same folder
        old = 0
    grown = tiles_between(old, size)
    for tile in grown:
        _write(folder / tile.path, _bytes_of(room, tile))
    _write(folder / "policy", policy_of(room.cohort.code).encode())
    _write(folder / "checkpoint", str(note).encode())
    return len(grown) + 2


def _written_size(folder: Path) -> int:
    try:
        return Checkpoint.of(Note.parse((folder / "checkpoint").read_text())).size
    except (OSError, UnicodeDecodeError, BadNote):
        return 0


def _write(path: Path, content: bytes) -> None:
    """Written aside and renamed, so that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".")
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o644)
        file.write(content)
    os.replace(aside, path)
