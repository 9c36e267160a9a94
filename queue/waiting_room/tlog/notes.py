"""Signed notes: a text with the signatures of logs and witnesses (C2SP signed-note v1.0.0)."""

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

ED25519, COSIGNATURE = 0x01, 0x04
_DASH = "— "
MOST_SIGNATURES = 100
MOST_LETTERS = 64 * 1024


class BadNote(ValueError):
    """The text is no note, or a signature on it is wrong; the message says which."""


@dataclass(frozen=True)
class Signature:
    """One signature line of a note: name and id of the key, and the signature's bytes."""

    name: str
    key_id: bytes
    value: bytes

    def line(self) -> str:
        return f"{_DASH}{self.name} {_base64(self.key_id + self.value)}\n"


@dataclass(frozen=True)
class Note:
    """A text, which ends with a line feed, and its signatures."""

    text: str
    signatures: tuple[Signature, ...] = ()

    def __str__(self) -> str:
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)

    @classmethod
    def parse(cls, note: str) -> "Note":
        """The note in its text form; raises BadNote."""
        # Limits before parsing: notes come from strangers.
        if len(note) > MOST_LETTERS:
            raise BadNote(f"A note of more than {MOST_LETTERS} letters is not read.")
        text, blank, lines = note.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise BadNote("The note has no signatures after an empty line.")
        if any(ord(letter) < 0x20 and letter != "\n" for letter in note):
            raise BadNote("The note holds control characters.")
        signed = lines.removesuffix("\n").split("\n")
        if len(signed) > MOST_SIGNATURES:
            raise BadNote(f"The note has more than {MOST_SIGNATURES} signatures.")
        return cls(text + "\n", tuple(parse_signature(line) for line in signed))


def parse_signature(line: str) -> Signature:
    """One signature line, without its line feed; raises BadNote."""
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _is_name(name):
        raise BadNote(f"“{line[:60]}” is no signature line.")
    value = from_base64(encoded)
    if len(value) < 5:
        raise BadNote(f"The signature of {name} is too short.")
    return Signature(name, value[:4], value[4:])


@dataclass(frozen=True)
class Verifier:
    """A public key with its holder's name, written `name+id+key` in policies and vkeys."""

    name: str
    kind: int
    key: bytes

    @property
    def key_id(self) -> bytes:
        digest = hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.key)
        return digest.digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_base64(bytes([self.kind]) + self.key)}"

    @classmethod
    def parse(cls, vkey: str) -> "Verifier":
        """The key of a vkey; raises BadNote."""
        parts = vkey.strip().split("+", 2)
        if len(parts) != 3:
            raise BadNote("A verifier key is written name+id+key.")
        name, key_id, encoded = parts
        value = from_base64(encoded)
        if not _is_name(name) or len(value) != 33 or value[0] not in (ED25519, COSIGNATURE):
            raise BadNote(f"The key of “{name[:60]}” is no Ed25519 key.")
        verifier = cls(name, value[0], value[1:])
        if verifier.key_id.hex() != key_id.lower():
            raise BadNote(f"The id of the key of {name} does not belong to it.")
        return verifier

    def signature_on(self, note: Note) -> Signature | None:
        """This key's verified signature on the note; None if it did not sign.

        Raises BadNote if a signature under its name and id is wrong: such a note is malformed.
        """
        for signature in note.signatures:
            if (signature.name, signature.key_id) == (self.name, self.key_id):
                self._check(note.text, signature)
                return signature
        return None

    def _check(self, text: str, signature: Signature) -> None:
        message, value = text.encode(), signature.value
        if self.kind == COSIGNATURE:
            message, value = _cosigned(text, timestamp_of(signature)), signature.value[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(value, message)
        except (InvalidSignature, ValueError):
            raise BadNote(f"The signature of {self.name} is wrong.") from None


class Signer:
    """A private Ed25519 key (32 bytes) under a name: signs notes, or cosigns checkpoints."""

    def __init__(self, name: str, seed: bytes, kind: int = ED25519) -> None:
        if not _is_name(name):
            raise ValueError(f"“{name}” can't be the name of a key.")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, kind, self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> Signature:
        return self._signature(self._key.sign(text.encode()))

    def cosign(self, text: str, *, timestamp: int) -> Signature:
        """A statement that at `timestamp` (POSIX seconds) this was the largest consistent tree."""
        signed = self._key.sign(_cosigned(text, timestamp))
        return self._signature(struct.pack(">Q", timestamp) + signed)

    def _signature(self, value: bytes) -> Signature:
        return Signature(self.verifier.name, self.verifier.key_id, value)


def timestamp_of(cosignature: Signature) -> int:
    """POSIX seconds; raises BadNote."""
    if len(cosignature.value) != 72:
        raise BadNote(f"The cosignature of {cosignature.name} is not 72 bytes long.")
    seconds = int(struct.unpack(">Q", cosignature.value[:8])[0])
    if not 0 < seconds < 1 << 63:
        raise BadNote(f"The cosignature of {cosignature.name} has no time.")
    return seconds


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(letter.isspace() for letter in name)


def _cosigned(text: str, timestamp: int) -> bytes:
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def from_base64(text: str) -> bytes:
    """Canonical standard base64: refused unless it encodes back to the same text (BadNote)."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote(f"“{text[:60]}” is no base64.") from None
    if _base64(value) != text:
        raise BadNote(f"“{text[:60]}” is not written as base64 writes it.")
    return value
