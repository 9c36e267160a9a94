"""The public log of a room as C2SP's static files: signed checkpoints, tiles, and proofs.

Everything is made from the pages in the database, so any node can answer for any file; the tick
also writes the files, for nginx or a CDN to serve.
"""

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path

from django.conf import settings

from waiting_room import merkle
from waiting_room.models import LogPage, Room, Ticket
from waiting_room.services.log_keys import origin_of, signers_of
from waiting_room.services.log_pages import as_page, read_nodes
from waiting_room.services.publishing import prove
from waiting_room.services.witnessed import (
    best_cosigned,
    cosignatures_on,
    size_to_publish,
    witnesses_of,
)
from waiting_room.tlog import tiles
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import BadNote, Note
from waiting_room.tlog.proofs import Proof
from waiting_room.tlog.tiles import Tile, tiles_between


def checkpoint_of(room: Room, now: datetime) -> Note:
    """The log as everybody is shown it at `now`."""
    return signed_checkpoint(room, size_to_publish(room, now))


def signed_checkpoint(room: Room, size: int) -> Note:
    """The log of `size` pages, signed by us and by the witnesses that cosigned just this."""
    page = room.pages.filter(number=size).first()
    root = bytes.fromhex(page.log_root) if page else merkle.EMPTY_ROOT
    code = room.cohort.code
    note = Checkpoint(origin_of(code), size, root).signed_by(signers_of(code))
    return Note(note.text, (*note.signatures, *cosignatures_on(room, size)))


def policy_of(room: Room) -> str:
    """Who signs, who cosigns, and how many of them count, in the format of C2SP tlog-policy."""
    code = room.cohort.code
    address = f"{settings.PUBLIC_URL}/queue/{code}/log"
    lines = [f"log {signer.verifier} {address}" for signer in signers_of(code)]
    witnesses = witnesses_of(room)
    if not witnesses:
        return "\n".join([*lines, "# Nobody else cosigns this log.", "quorum none", ""])
    lines += [f"witness {witness}" for witness in witnesses]
    if not room.quorum:
        return "\n".join([*lines, "# The line does not wait for its witnesses.", "quorum none", ""])
    names = " ".join(witness.name for witness in witnesses)
    lines += [
        f"# Nobody is called before so many have cosigned the closed list. After "
        f"{room.witness_minutes} minutes",
        "# without them the line goes on, and its log says so (act “unwitnessed”).",
        f"group witnesses {room.quorum} {names}",
        "quorum witnesses",
        "",
    ]
    return "\n".join(lines)


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
        checkpoint=signed_checkpoint(room, size),
        extra=json.dumps(extra, ensure_ascii=False).encode(),
    )


class NotYet(Exception):
    """A ticket's proof is to come: it is in no page yet, or too few have cosigned its page."""

    def __init__(self, signed: int | None = None, size: int = 0):
        """`signed` witnesses have cosigned the log of `size` pages, which holds the ticket; None
        as long as it is in no page."""
        super().__init__()
        self.signed, self.size = signed, size


def proof_to_keep(ticket: Ticket) -> Proof:
    """The proof of a ticket in the newest log that its policy holds for valid. Raises NotYet."""
    room = ticket.room
    page = room.pages.filter(after__lt=ticket.entry, upto__gte=ticket.entry).first()
    if page is None:
        raise NotYet
    signed, size = 0, room.pages.order_by("-number").values_list("number", flat=True)[0]
    if room.witnesses:
        signed, size = best_cosigned(room, at_least=page.number) or (0, size)
    if signed < room.quorum:
        raise NotYet(signed, size)
    proof = proof_of(ticket, size)
    assert proof is not None  # its page is there, and no page is ever taken away
    return proof


def write_log_files(room: Room, now: datetime) -> int:
    """Write what is new since the last time; returns the number of files.

    The checkpoint comes last, so that every tile it needs exists when it is read.
    """
    folder = Path(settings.HOME) / "tlog" / room.cohort.code
    size = room.pages.order_by("-number").values_list("number", flat=True).first() or 0
    old = _written_size(folder)
    if old == size and not room.witnesses:
        return 0
    if old > size:  # another database stands behind the same folder
        old = 0
    grown = tiles_between(old, size)
    for tile in grown:
        _write(folder / tile.path, _bytes_of(room, tile))
    if grown:
        _write(_size_file(folder), str(size).encode())
    texts = {"policy": policy_of(room), "checkpoint": str(checkpoint_of(room, now))}
    new = {name: text for name, text in texts.items() if _read(folder / name) != text}
    for name, text in new.items():
        _write(folder / name, text.encode())
    return len(grown) + len(new)


def _size_file(folder: Path) -> Path:
    """How many pages the tiles hold; the checkpoint beside them may be an older one."""
    return folder.with_name(f".{folder.name}.size")


def _written_size(folder: Path) -> int:
    """0 where the files are not as we wrote them, and are to be written anew."""
    try:
        shown = Checkpoint.of(Note.parse(_read(folder / "checkpoint"))).size
        size = int(_read(_size_file(folder)))
    except (BadNote, ValueError):
        return 0
    return size if shown <= size else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _write(path: Path, content: bytes) -> None:
    """Written aside and renamed, so that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".")
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o644)
        file.write(content)
    os.replace(aside, path)
