"""Asking a witness for its cosignature, and what counts as its answer (C2SP tlog-witness).

Pure: the request as bytes, the answer as status and bytes. Who asks, when and for how long is the
business of services.witnessing.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from waiting_room.tlog.notes import (
    COSIGNATURE,
    BadNote,
    Note,
    Signature,
    Verifier,
    parse_signature,
    timestamp_of,
)

MOST_ANSWER_BYTES = 64 * 1024
MOST_WITNESSES = 16
MOST_KEY_LETTERS = 300
# How far the time in a cosignature may be off from the database's, in seconds.
TIME_TOLERANCE = 300
SIZE_TYPE = "text/x.tlog.size"


class Trouble(StrEnum):
    """Why there is no cosignature; the words stand in waiting_room.reasons."""

    AWAY = "away"  # no connection, or it broke off
    SLOW = "slow"
    REFUSED = "refused"  # 400, 403, 404 and other answers: it does not know this log or its key
    NO_ANSWER = "no_answer"  # something that is neither a cosignature nor a size
    MISSING = "missing"  # lines, but none by the witness's key
    WRONG_SIGNATURE = "wrong_signature"
    WRONG_TIME = "wrong_time"
    AHEAD = "ahead"  # it has seen a longer log than ours
    OTHER_HISTORY = "other_history"


class BadAnswer(Exception):
    """An answer that is no cosignature: what kind of trouble, and a sentence for the log."""

    def __init__(self, trouble: Trouble, why: str) -> None:
        super().__init__(why)
        self.trouble = trouble


class Behind(Exception):
    """409: the witness last cosigned a log of `size` entries, and wants the proof from there."""

    def __init__(self, size: int) -> None:
        super().__init__(f"it last cosigned {size} entries")
        self.size = size


class BadWitness(ValueError):
    """What is written of a witness can't be used; the text says why."""


@dataclass(frozen=True)
class Witness:
    """A cosigner of our logs: a short name, the public key, and where to ask."""

    name: str
    verifier: Verifier
    url: str

    def __str__(self) -> str:
        return f"{self.name} {self.verifier} {self.url}"

    @classmethod
    def parse(cls, line: str) -> "Witness":
        """`NAME KEY URL`, with spaces between; raises BadWitness."""
        parts = line.split()
        if len(parts) != 3:
            raise BadWitness(f"“{line.strip()[:80]}” is not written NAME KEY URL.")
        name, vkey, url = parts
        if not re.fullmatch("[a-z0-9][a-z0-9._-]{0,39}", name) or name in ("none", "witnesses"):
            raise BadWitness(f"“{name[:40]}” can't be the name of a witness: a to z, 0 to 9, -._")
        try:
            verifier = Verifier.parse(vkey)
        except BadNote as error:
            raise BadWitness(f"{name}: {error}") from None
        if len(vkey) > MOST_KEY_LETTERS:
            raise BadWitness(f"{name}: its key has more than {MOST_KEY_LETTERS} letters.")
        if verifier.kind != COSIGNATURE:
            raise BadWitness(f"{name}: this is the key of a log, not of a witness (type 4).")
        return cls(name, verifier, _prefix(name, url))


def _prefix(name: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment or "@" in parts.netloc:
        raise BadWitness(f"{name}: “{url[:80]}” is no address; write https://HOST/PREFIX.")
    return url.rstrip("/")


def parse_witnesses(text: str) -> tuple[Witness, ...]:
    """The witnesses of a text, one a line or with commas between; raises BadWitness."""
    lines = [line for line in re.split("[,\n]", text) if line.strip()]
    if len(lines) > MOST_WITNESSES:
        raise BadWitness(f"{len(lines)} witnesses are more than {MOST_WITNESSES}.")
    witnesses = tuple(Witness.parse(line) for line in lines)
    for what, values in (
        ("name", [witness.name for witness in witnesses]),
        ("key", [witness.verifier.key for witness in witnesses]),
        ("address", [witness.url for witness in witnesses]),
    ):
        if len(set(values)) < len(values):
            raise BadWitness(f"Two witnesses have the same {what}.")
    return witnesses


def majority(count: int) -> int:
    """The fewest witnesses of which two different histories can't both find as many."""
    return count // 2 + 1 if count else 0


def request(old: int, proof: Sequence[bytes], checkpoint: Note) -> bytes:
    """The body of add-checkpoint: the log grew from `old` entries, by this proof, to this."""
    steps = "".join(f"{base64.b64encode(step).decode()}\n" for step in proof)
    return f"old {old}\n{steps}\n{checkpoint}".encode()


def cosignature_in(
    status: int, kind: str, body: bytes, *, witness: Witness, checkpoint: Note, now: int
) -> Signature:
    """The witness's checked cosignature of `checkpoint` at about `now` (POSIX seconds).

    `kind` is the media type of the answer. Raises Behind for a 409 with a size, else BadAnswer.
    """
    if status == 409:
        raise Behind(_size_in(kind, body))
    if status == 422:
        raise BadAnswer(Trouble.OTHER_HISTORY, "it does not find our log to go on from what it saw")
    if status != 200:
        raise BadAnswer(Trouble.REFUSED, f"it answered {status}")
    signature = _by(witness.verifier, _lines_of(body))
    try:
        seconds = timestamp_of(signature)
        witness.verifier.signature_on(Note(checkpoint.text, (signature,)))
    except BadNote as error:
        raise BadAnswer(Trouble.WRONG_SIGNATURE, str(error)) from None
    if abs(seconds - now) > TIME_TOLERANCE:
        raise BadAnswer(Trouble.WRONG_TIME, f"it signed for a time {seconds - now} s from ours")
    return signature


def _size_in(kind: str, body: bytes) -> int:
    text = body.decode("ascii", "replace")
    if kind.partition(";")[0].strip() != SIZE_TYPE or not re.fullmatch(
        "(?:0|[1-9][0-9]{0,17})\n", text
    ):
        raise BadAnswer(Trouble.NO_ANSWER, "it answered 409 without a size")
    return int(text)


def _lines_of(body: bytes) -> list[Signature]:
    """Every line must be a signature line; by whom, is not asked yet."""
    try:
        text = body.decode()
        if not text.endswith("\n") or len(body) > MOST_ANSWER_BYTES:
            raise BadNote("it is cut off or too long")
        return [parse_signature(line) for line in text.removesuffix("\n").split("\n")]
    except (UnicodeDecodeError, BadNote) as error:
        raise BadAnswer(Trouble.NO_ANSWER, f"its answer is no signature: {error}") from None


def _by(verifier: Verifier, signatures: Sequence[Signature]) -> Signature:
    for signature in signatures:
        if (signature.name, signature.key_id) == (verifier.name, verifier.key_id):
            return signature
    raise BadAnswer(Trouble.MISSING, "none of its signatures is by the key that we know of it")
