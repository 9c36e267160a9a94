"""Checkpoints: the size and root of a log at one moment, signed (C2SP tlog-checkpoint v1.0.0)."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from waiting_room.tlog.notes import BadNote, Note, Signer, from_base64


@dataclass(frozen=True)
class Checkpoint:
    """A log's own statement: its origin, number of entries and root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed_by(self, signers: Sequence[Signer]) -> Note:
        text = self.text()
        return Note(text, tuple(signer.sign(text) for signer in signers))

    @classmethod
    def of(cls, note: Note) -> "Checkpoint":
        """Parse a note without checking its signatures; raises BadNote. Ignores extension lines."""
        lines = note.text.removesuffix("\n").split("\n")
        if len(lines) < 3 or not all(lines):
            raise BadNote("A checkpoint has at least three lines: origin, size and root.")
        origin, size, root = lines[:3]
        # Canonical decimal only; 20 digits bound the work on a hostile number.
        if not (size.isascii() and size.isdecimal()) or str(int(size[:20])) != size:
            raise BadNote(f"“{size[:40]}” is no size of a log.")
        value = from_base64(root)
        if len(value) != 32:
            raise BadNote("The root of a log is 32 bytes long.")
        return cls(origin, int(size), value)
