"""Inclusion proofs of an entry with their checkpoint (C2SP tlog-proof v1)."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from waiting_room.tlog.notes import BadNote, Note, from_base64

FIRST_LINE = "c2sp.org/tlog-proof@v1"
MOST_STEPS = 63


@dataclass(frozen=True)
class Proof:
    """Proves that the entry at `index` (from 0) is in the log of the checkpoint.

    `extra` is not authenticated by itself: here it holds the path from a ticket to its page.
    """

    index: int
    steps: Sequence[bytes]
    checkpoint: Note
    extra: bytes = b""

    def __str__(self) -> str:
        lines = [FIRST_LINE]
        if self.extra:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(step).decode() for step in self.steps]
        return "\n".join(lines) + f"\n\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> "Proof":
        """The proof in its text form; raises BadNote."""
        head, blank, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if lines[:1] != [FIRST_LINE] or not blank:
            raise BadNote(f"A proof begins with “{FIRST_LINE}”.")
        lines, extra = lines[1:], b""
        if lines and lines[0].startswith("extra "):
            extra = from_base64(lines.pop(0).removeprefix("extra "))
        index = lines.pop(0).removeprefix("index ") if lines else ""
        # Canonical decimal only; 20 digits bound the work on a hostile number.
        if not (index.isascii() and index.isdecimal()) or str(int(index[:20])) != index:
            raise BadNote("The proof does not say which entry it is of.")
        if len(lines) > MOST_STEPS:
            raise BadNote(f"A proof has at most {MOST_STEPS} steps.")
        steps = [from_base64(line) for line in lines]
        if any(len(step) != 32 for step in steps):
            raise BadNote("A step of a proof is a hash of 32 bytes.")
        return cls(int(index), steps, Note.parse(checkpoint), extra)
