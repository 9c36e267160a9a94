import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion
from pymerkle.proof import InclusionProof

from waiting_room import merkle

sizes = st.integers(1, 300)


def leaves(size):
    return [b"leaf %d" % number for number in range(size)]


def hashes(size):
    return [merkle.leaf_hash(leaf) for leaf in leaves(size)]


def pymerkle_tree(size):
    tree = InmemoryTree()
    tree.append_entries(leaves(size))
    return tree


def stored(size):
    """The log as the database keeps it, and how often it was read."""
    rows: dict[int, bytes] = {}
    reads: list[set[int]] = []

    def read(numbers):
        reads.append(numbers)
        return {number: rows[number] for number in numbers}

    for number, digest in enumerate(hashes(size), start=1):
        rows[number] = merkle.nodes_ending_with(number, digest, read)
    reads.clear()
    return rows, read, reads


def rfc_root(entries):
    """RFC 9162, section 2.1.1, word for word."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + rfc_root(entries[:k]) + rfc_root(entries[k:])).digest()


def rfc_subproof(old, entries, *, whole):
    """RFC 9162, section 2.1.4.1, word for word."""
    if old == len(entries):
        return [] if whole else [rfc_root(entries)]
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if old <= k:
        return [*rfc_subproof(old, entries[:k], whole=whole), rfc_root(entries[k:])]
    return [*rfc_subproof(old - k, entries[k:], whole=False), rfc_root(entries[:k])]


def test_roots_are_those_of_the_rfc_and_of_pymerkle():
    for size in range(70):
        assert merkle.root(hashes(size)) == rfc_root(leaves(size))
        if size:
            assert merkle.root(hashes(size)) == pymerkle_tree(size).get_root()


def test_known_roots_of_certificate_transparency():
    # The test inputs that implementations of RFC 6962 share.
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
              "606162636465666768696a6b6c6d6e6f"]  # fmt: skip

    digests = [merkle.leaf_hash(bytes.fromhex(text)) for text in inputs]

    assert merkle.root(digests[:1]).hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert merkle.root(digests).hex() == (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    )


@given(size=sizes, data=st.data())
def test_stored_nodes_give_the_roots_of_every_earlier_size(size, data):
    rows, read, reads = stored(size)
    earlier = data.draw(st.integers(0, size))

    assert merkle.log_root(earlier, read) == merkle.root(hashes(earlier))
    assert len(reads) <= 1
    assert sum(map(len, rows.values())) <= 2 * merkle.HASH * size


@given(size=sizes, data=st.data())
def test_inclusion_paths_agree_in_both_forms_and_with_pymerkle(size, data):
    _, read, reads = stored(size)
    number = data.draw(st.integers(1, size))

    steps = merkle.log_path(number, size, read)

    root = pymerkle_tree(size).get_root()
    assert steps == merkle.path(hashes(size), number - 1)
    assert merkle.root_from_path(hashes(size)[number - 1], number - 1, size, steps) == root
    assert len(reads) <= 1
    theirs = pymerkle_tree(size).prove_inclusion(number)
    ours = InclusionProof(
        "sha256", True, size, number, theirs.rule, [hashes(size)[number - 1], *steps]
    )
    verify_inclusion(hashes(size)[number - 1], root, ours)


@given(size=sizes, data=st.data())
def test_a_changed_leaf_place_size_or_step_leads_to_another_root(size, data):
    _, read, _ = stored(size)
    number = data.draw(st.integers(1, size))
    steps = merkle.log_path(number, size, read)
    digest, root = hashes(size)[number - 1], merkle.root(hashes(size))

    assert merkle.root_from_path(merkle.leaf_hash(b"?"), number - 1, size, steps) != root
    assert merkle.root_from_path(digest, size, size, steps) is None
    assert merkle.root_from_path(digest, number - 1, size, [*steps, digest]) is None
    for index in set(range(size)) - {number - 1}:
        assert merkle.root_from_path(digest, index, size, steps) != root
    for at in range(len(steps)):
        changed = [*steps[:at], bytes(32), *steps[at + 1 :]]
        assert merkle.root_from_path(digest, number - 1, size, changed) != root
        assert merkle.root_from_path(digest, number - 1, size, steps[:at]) != root


@given(size=sizes, data=st.data())
def test_consistency_paths_are_those_of_the_rfc_and_hold(size, data):
    _, read, reads = stored(size)
    old = data.draw(st.integers(1, size))
    old_root, root = merkle.root(hashes(old)), merkle.root(hashes(size))

    steps = merkle.consistency_path(old, size, read)

    assert steps == rfc_subproof(old, leaves(size), whole=True)
    assert merkle.is_consistent(old, size, old_root, root, steps)
    assert len(reads) <= 1
    # pymerkle lays its path out in another way, but comes to the same two roots.
    verify_consistency(old_root, root, pymerkle_tree(size).prove_consistency(old))


@given(size=st.integers(2, 300), data=st.data())
def test_a_rewritten_past_is_inconsistent(size, data):
    _, read, _ = stored(size)
    old = data.draw(st.integers(1, size - 1))
    victim = data.draw(st.integers(0, old - 1))
    past = hashes(old)
    past[victim] = merkle.leaf_hash(b"someone else")
    root = merkle.root(hashes(size))

    steps = merkle.consistency_path(old, size, read)

    assert not merkle.is_consistent(old, size, merkle.root(past), root, steps)
    assert not merkle.is_consistent(old, size, merkle.root(hashes(old)), bytes(32), steps)
    assert not merkle.is_consistent(old, size, merkle.root(hashes(old)), root, [*steps, root])
    assert not merkle.is_consistent(old, size, merkle.root(hashes(old)), root, [])


def test_proofs_of_what_is_not_there_are_refused():
    _, read, _ = stored(5)

    with pytest.raises(IndexError):
        merkle.log_path(6, 5, read)
    with pytest.raises(IndexError):
        merkle.log_path(0, 5, read)
    with pytest.raises(IndexError):
        merkle.consistency_path(6, 5, read)
    with pytest.raises(IndexError):
        merkle.path(hashes(5), 5)
