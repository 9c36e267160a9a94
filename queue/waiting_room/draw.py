"""The draw: a public, recomputable order of all who joined before the opening.

The shuffle is swap-or-not of the Ethereum consensus specification (`compute_shuffled_index`, 90
rounds, SHA-256), so a place can be recomputed with any of its implementations. Entries and places
count from 0 here, as there; `number_for_entry` and `entry_for_number` take and return the numbers
that people see, which count from 1.

    commitment = SHA-256("jari/draw/commitment/v1\\n" + secret)
    seed       = SHA-256("jari/draw/seed/v2\\n" + list digest + inputs)

A secret is 32 random bytes, and its commitment is published before joining begins. The list
digest is the 32-byte root of the line's log when the list was frozen (docs/line-log.md). The
inputs are lines `name=value`, sorted by name: the portal's secret, and values that did not exist,
or that no single person knew, when the list was frozen (a beacon's number, officers' secrets, a
stated public value). Earlier draws used the secret and a public value under "v1".
"""

import hashlib
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence

ROUNDS = 90
# The specification numbers blocks of 256 places in four bytes, which allows 2**40; here entries
# are array("I") of 32 bits.
MAX_COUNT = 2**32

COMMITMENT_TAG = b"jari/draw/commitment/v1\n"
SEED_TAG = b"jari/draw/seed/v2\n"

# For each byte of hash: a 32-bit mask per bit, for the eight entries that its bits decide on.
_MASKS = [
    b"".join(b"\xff\xff\xff\xff" if byte >> bit & 1 else bytes(4) for bit in range(8))
    for byte in range(256)
]


def commitment(secret: bytes) -> str:
    _need_32_bytes("secret", secret)
    return hashlib.sha256(COMMITMENT_TAG + secret).hexdigest()


def inputs_of(values: Mapping[str, str]) -> str:
    """The inputs of a seed in the log's form: lines `name=value`, sorted by name.

    Raises ValueError for a name or value that would make the form ambiguous.
    """
    for name, value in values.items():
        if not name or "=" in name or "\n" in name + value:
            raise ValueError(f"“{name}” can't be an input of a draw.")
    return "\n".join(f"{name}={values[name]}" for name in sorted(values))


def seed_from(list_digest: bytes, inputs: str) -> bytes:
    _need_32_bytes("list digest", list_digest)
    return hashlib.sha256(SEED_TAG + list_digest + inputs.encode()).digest()


def place_of(entry: int, count: int, seed: bytes) -> int:
    """The place of `entry` among `count`; both count from 0. Raises ValueError outside of it."""
    return _walk(entry, count, seed, range(ROUNDS))


def entry_at(place: int, count: int, seed: bytes) -> int:
    """The entry at `place`, the inverse of `place_of`: the same rounds backwards."""
    return _walk(place, count, seed, reversed(range(ROUNDS)))


def number_for_entry(entry: int, frozen: int, seed: bytes) -> int:
    """The place of an entry number; both count from 1.

    Entries after the frozen list keep their entry number as place.
    """
    return entry if entry > frozen else place_of(entry - 1, frozen, seed) + 1


def entry_for_number(place: int, frozen: int, seed: bytes) -> int:
    """The entry number at a place; both count from 1."""
    return place if place > frozen else entry_at(place - 1, frozen, seed) + 1


def places(count: int, seed: bytes) -> Sequence[int]:
    """All places: `places(count, seed)[entry] == place_of(entry, count, seed)`."""
    # Shuffling the identity by the rounds backwards gives the inverse permutation.
    return _shuffled(count, seed, reversed(range(ROUNDS)))


def entries(count: int, seed: bytes) -> Sequence[int]:
    """All entries by place: `entries(count, seed)[place] == entry_at(place, count, seed)`."""
    return _shuffled(count, seed, range(ROUNDS))


def _need_32_bytes(name: str, value: bytes) -> None:
    if len(value) != 32:
        raise ValueError(f"The {name} must be 32 bytes, not {len(value)}.")


def _check(count: int, seed: bytes) -> None:
    _need_32_bytes("seed", seed)
    if not 0 <= count <= MAX_COUNT:
        raise ValueError(f"A draw holds 0 to {MAX_COUNT} entries, not {count}.")


def _pivot(prefix: bytes, count: int) -> int:
    return int.from_bytes(hashlib.sha256(prefix).digest()[:8], "little") % count


def _walk(index: int, count: int, seed: bytes, rounds: Iterable[int]) -> int:
    """Follow one index through the rounds, as compute_shuffled_index does."""
    _check(count, seed)
    if not 0 <= index < count:
        raise ValueError(f"{index} is not among the {count} entries of the draw.")
    sha256 = hashlib.sha256
    for number in rounds:
        prefix = seed + bytes((number,))
        flip = (_pivot(prefix, count) - index) % count
        position = max(index, flip)
        source = sha256(prefix + (position >> 8).to_bytes(4, "little")).digest()
        if source[position >> 3 & 31] >> (position & 7) & 1:
            index = flip
    return index


def _shuffled(count: int, seed: bytes, rounds: Iterable[int]) -> Sequence[int]:
    """Apply the rounds to the whole list, all swaps of a round by one masked XOR.

    A round swaps entries that are mirrored about one of two axes. Each half is read as one long
    integer, so Python swaps millions of entries in a few operations.
    """
    _check(count, seed)
    line = array("I", range(count))
    if line.itemsize != 4:
        raise RuntimeError("This platform's unsigned int is not 32 bits wide.")
    if count < 2:
        return line
    for number in rounds:
        prefix = seed + bytes((number,))
        pivot = _pivot(prefix, count)
        masks = _round_masks(prefix, count, pivot)
        _swap_mirrored(line, 0, pivot + 1, masks)
        _swap_mirrored(line, pivot + 1, count, masks)
    return line


def _round_masks(prefix: bytes, count: int, pivot: int) -> bytes:
    sha256 = hashlib.sha256
    bits = b"".join(
        sha256(prefix + block.to_bytes(4, "little")).digest() for block in range((count + 255) >> 8)
    )
    return b"".join([_MASKS[byte] for byte in bits])


# XOR swap: for the entries in `mask`, low ^ change is high and high ^ change is low.
def _swap_mirrored(line: "array[int]", start: int, end: int, masks: bytes) -> None:
    half = (end - start) // 2
    if not half:
        return
    upper = end - half
    # The specification takes the bit at the higher position of each pair.
    mask = int.from_bytes(masks[upper * 4 : end * 4], sys.byteorder)
    low = int.from_bytes(line[start : start + half][::-1].tobytes(), sys.byteorder)
    high = int.from_bytes(line[upper:end].tobytes(), sys.byteorder)
    change = (low ^ high) & mask
    mirrored = array("I", (low ^ change).to_bytes(half * 4, sys.byteorder))
    line[start : start + half] = mirrored[::-1]
    line[upper:end] = array("I", (high ^ change).to_bytes(half * 4, sys.byteorder))
