"""Merkle trees of RFC 9162 (and 6962) over SHA-256: roots, proofs and their verification.

A tree is held in two ways. A log page is small: `root` and `path` work on the list of its leaf
hashes. The log itself grows by a page a second: page n stores the roots of all complete subtrees
that end with it (`nodes_ending_with`), two hashes per page on average, so that any root or proof
needs only a few pages, read by one query.

A `read` function takes a set of page numbers (from 1) and returns {number: stored nodes}.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

HASH = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Read = Callable[[set[int]], Mapping[int, bytes]]


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes; for no leaves SHA-256 of the empty string (RFC 9162, 2.1.1)."""
    level = list(hashes)
    while len(level) > 1:
        level = _level_above(level)
    return level[0] if level else EMPTY_ROOT


def path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The inclusion proof of the leaf at `index` (from 0), RFC 9162, 2.1.3.1. Raises IndexError."""
    if not 0 <= index < len(hashes):
        raise IndexError(f"The tree has {len(hashes)} leaves, none at {index}.")
    level, steps = list(hashes), []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            steps.append(level[sibling])
        level, index = _level_above(level), index >> 1
    return steps


def root_from_path(leaf: bytes, index: int, size: int, steps: Sequence[bytes]) -> bytes | None:
    """The root that inclusion proof `steps` give for a leaf hash; None if their number is wrong.

    RFC 9162, 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    number, last, current = index, size - 1, leaf
    for step in steps:
        if not last:
            return None
        if number & 1 or number == last:
            current = node_hash(step, current)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            current = node_hash(current, step)
        number, last = number >> 1, last >> 1
    return None if last else current


def is_consistent(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, steps: Sequence[bytes]
) -> bool:
    """Whether the log of `new_size` extends that of `old_size`: RFC 9162, 2.1.4.2."""
    if old_size == new_size:
        return not steps and old_root == new_root
    if not 0 < old_size < new_size or not steps:
        return False
    # If old_size is a power of two, the old root itself is the first node, left out of the proof.
    steps = [old_root, *steps] if not old_size & (old_size - 1) else list(steps)
    number, last = old_size - 1, new_size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if not last:
            return False
        if number & 1 or number == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            new = node_hash(new, step)
        number, last = number >> 1, last >> 1
    return not last and old == old_root and new == new_root


def nodes_ending_with(number: int, leaf: bytes, read: Read) -> bytes:
    """The roots of the complete subtrees that end with leaf `number` (from 1), to store with it.

    First the leaf hash, then the roots of the last 2, 4, 8, … leaves, 32 bytes each.
    """
    # The left sibling of the subtree of 2**level leaves ends 2**level leaves earlier.
    siblings = [number - (1 << level) for level in range(_trailing_zeros(number))]
    stored = read(set(siblings)) if siblings else {}
    nodes = [leaf]
    for level, sibling in enumerate(siblings):
        nodes.append(node_hash(_node(stored, sibling, level), nodes[-1]))
    return b"".join(nodes)


def log_root(size: int, read: Read) -> bytes:
    ranges = [(0, size)]
    return _subroots(ranges, read)[0] if size else EMPTY_ROOT


def log_path(number: int, size: int, read: Read) -> list[bytes]:
    """The inclusion proof of leaf `number` (from 1) in the log of `size`. Raises IndexError."""
    if not 0 < number <= size:
        raise IndexError(f"The log has {size} leaves, none with number {number}.")
    ranges: list[tuple[int, int]] = []
    start, end, index = 0, size, number - 1
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return _subroots(ranges[::-1], read)


def consistency_path(old_size: int, size: int, read: Read) -> list[bytes]:
    """The proof that the log of `size` extends that of `old_size`: RFC 9162, 2.1.4.1."""
    if not 0 < old_size <= size:
        raise IndexError(f"The log has {size} leaves and never had {old_size}.")
    ranges: list[tuple[int, int]] = []
    # Whether the old tree is a subtree of the new one, whose root the verifier then knows.
    start, end, is_subtree = 0, size, True
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, is_subtree = middle, False
    if not is_subtree:
        ranges.append((start, end))
    return _subroots(ranges[::-1], read)


class _Subtree(NamedTuple):
    number: int  # of its last leaf, from 1
    level: int  # it has 2**level leaves


def _level_above(level: list[bytes]) -> list[bytes]:
    # node_hash inlined: a page has thousands of nodes.
    sha256 = hashlib.sha256
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    if len(level) & 1:
        above.append(level[-1])
    return above


def _split(width: int) -> int:
    """Leaves of the left subtree: the largest power of two below `width`."""
    return 1 << (width - 1).bit_length() - 1


def _trailing_zeros(number: int) -> int:
    return (number & -number).bit_length() - 1


def _subtrees(start: int, end: int) -> Iterator[_Subtree]:
    """The complete subtrees, left to right, that cover the leaves from `start` to `end`."""
    while start < end:
        level = (end - start).bit_length() - 1
        start += 1 << level
        yield _Subtree(start, level)


def _subroots(ranges: list[tuple[int, int]], read: Read) -> list[bytes]:
    """The root over each range of leaves, with one read for all of them."""
    parts = [list(_subtrees(start, end)) for start, end in ranges]
    numbers = {subtree.number for subtrees in parts for subtree in subtrees}
    stored = read(numbers) if numbers else {}
    roots = []
    for subtrees in parts:
        current = _node(stored, *subtrees[-1])
        for subtree in reversed(subtrees[:-1]):
            current = node_hash(_node(stored, *subtree), current)
        roots.append(current)
    return roots


def _node(stored: Mapping[int, bytes], number: int, level: int) -> bytes:
    node = stored[number][level * HASH : (level + 1) * HASH]
    if len(node) != HASH:
        raise ValueError(f"With page {number} no subtree of {1 << level} pages is stored.")
    return node
