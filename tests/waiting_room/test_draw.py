import hashlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from waiting_room import draw

SEED = bytes.fromhex("01b4f6bd5d6a06a7b74a8565ceb4f845afe0ae96a0ac05cf5e86066bf7b538ec")

# SHA-256 of mapping.yaml in ethereum/consensus-spec-tests, tests/mainnet/phase0/shuffling.
PUBLISHED = [
    ("01b4f6bd5d6a06a7b74a8565ceb4f845afe0ae96a0ac05cf5e86066bf7b538ec", 100,
     "76856e7b9132ba539787cc0563014a8c43e83f1052a814757e43258eda616a4f"),
    ("01b4f6bd5d6a06a7b74a8565ceb4f845afe0ae96a0ac05cf5e86066bf7b538ec", 33,
     "a014701e692faf6390f43a5b32470689ffdec35891f58bcd7572eb8226b19488"),
    ("01b4f6bd5d6a06a7b74a8565ceb4f845afe0ae96a0ac05cf5e86066bf7b538ec", 9999,
     "c3577795cf7bbe42bcca0c97e2d97b8caf8bf3defa8d1b3cffd6ce7813a06575"),
    ("17fa9c7f5e9039a2d46e73e17d8e094a796ee4c313199bad42db4ee1dc30d865", 1000,
     "365897d6589317fc16a5b3878491ea25df73842cade1fe9c8b07d1ef920d0ae2"),
    ("097328e8c957de2428283954f6a1ee8ff7ad7def12e100a600178407f5decf24", 9999,
     "7c74bc2bfc1418babbdd6eb4be9a5c5c5e7825e5a149f235a4df678dcb8afc39"),
    ("0623ccb9b1619bd388284a438034d8cb6431964ba727d8b1c450303105735488", 10,
     "71418ba88e7a9a7cc8c0cdf86be8e8216845a2a5bbbc56ead640d1760a0f2d94"),
    ("26b25d457597a7b0463f9620f666dd10aa2c4373a505967c7c8d70922a2d6ece", 2,
     "f9cbe1eca248f94e3ae5776b93195aad3b4b990123021349a8df2591926c6740"),
    ("0623ccb9b1619bd388284a438034d8cb6431964ba727d8b1c450303105735488", 1,
     "dbe2eb447229406fa21439fd59045a3336ebfeb9aed4aa136711bf62188a6992"),
    ("075de2b906dbd7066da008cab735bee896370154603579a50122f9b88545bd45", 0,
     "72885d12c5b5d78dfab5721044c43913523570af0a37e0e51ee88961bebd3275"),
]  # fmt: skip

seeds = st.binary(min_size=32, max_size=32)


def published_form(seed, mapping):
    vector = {"seed": f"0x{seed}", "count": len(mapping), "mapping": mapping}
    text = yaml.safe_dump(vector, default_flow_style=None, width=80, sort_keys=False)
    return hashlib.sha256(text.encode()).hexdigest()


def cards_dealt(count, seed):
    """The specification read as card play: swap whole cards, last round first."""
    cards = list(range(count))
    for number in reversed(range(90)):
        start = hashlib.sha256(seed + bytes([number])).digest()
        pivot = int.from_bytes(start[:8], "little") % count
        for i in range(count):
            j = (pivot - i) % count
            if i < j:
                block = hashlib.sha256(seed + bytes([number]) + (j // 256).to_bytes(4, "little"))
                bits = int.from_bytes(block.digest(), "little")
                if bits >> (j % 256) & 1:
                    cards[i], cards[j] = cards[j], cards[i]
    return cards


@pytest.mark.parametrize(("seed", "count", "digest"), PUBLISHED)
def test_place_of_gives_the_published_vectors(seed, count, digest):
    mapping = [draw.place_of(entry, count, bytes.fromhex(seed)) for entry in range(count)]

    assert published_form(seed, mapping) == digest


@pytest.mark.parametrize(("seed", "count", "digest"), PUBLISHED)
def test_places_gives_the_published_vectors(seed, count, digest):
    assert published_form(seed, list(draw.places(count, bytes.fromhex(seed)))) == digest


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9, 255, 256, 257, 512, 1000])
def test_places_agrees_with_an_independent_implementation(count):
    assert list(draw.places(count, SEED)) == cards_dealt(count, SEED)


@given(count=st.integers(1, 600), seed=seeds)
def test_whole_list_and_single_places_agree_both_ways(count, seed):
    places, entries = draw.places(count, seed), draw.entries(count, seed)

    assert sorted(places) == list(range(count))
    assert [entries[place] for place in places] == list(range(count))
    for entry in {0, count // 3, count // 2, count - 1}:
        assert draw.place_of(entry, count, seed) == places[entry]
        assert draw.entry_at(places[entry], count, seed) == entry


@given(count=st.integers(1, draw.MAX_COUNT), seed=seeds, data=st.data())
def test_entry_at_undoes_place_of(count, seed, data):
    entry = data.draw(st.integers(0, count - 1))

    place = draw.place_of(entry, count, seed)

    assert 0 <= place < count
    assert draw.entry_at(place, count, seed) == entry


def test_places_spread_evenly_over_seeds():
    count, tries = 10, 4000
    seen = [0] * count

    for number in range(tries):
        seed = hashlib.sha256(b"even %d" % number).digest()
        seen[draw.place_of(3, count, seed)] += 1

    expected = tries / count
    chi_squared = sum((n - expected) ** 2 / expected for n in seen)
    assert chi_squared < 27.9  # 0.1 % point for nine degrees of freedom; the seeds are fixed


@pytest.mark.parametrize(
    ("entry", "count", "seed"), [(5, 5, SEED), (-1, 5, SEED), (0, 0, SEED), (0, 5, b"short"),
                                 (0, draw.MAX_COUNT + 1, SEED)]
)  # fmt: skip
def test_place_of_refuses_what_is_not_in_the_draw(entry, count, seed):
    with pytest.raises(ValueError, match=r"not|must"):
        draw.place_of(entry, count, seed)


def test_numbers_people_see_count_from_one():
    assert [draw.number_for_entry(n, 33, SEED) for n in range(1, 34)] == [
        place + 1 for place in draw.places(33, SEED)
    ]


@given(frozen=st.integers(0, 300), entry=st.integers(1, 1000), seed=seeds)
def test_latecomers_follow_in_the_order_they_came(frozen, entry, seed):
    place = draw.number_for_entry(entry, frozen, seed)

    assert draw.entry_for_number(place, frozen, seed) == entry
    assert (place > frozen) == (entry > frozen)
    if entry > frozen:
        assert place == entry


def test_commitment_and_seed_are_made_as_published():
    secret, digest = bytes(range(32)), bytes(range(32, 64))

    assert draw.commitment(secret) == (
        hashlib.sha256(b"jari/draw/commitment/v1\n" + secret).hexdigest()
    )
    inputs = draw.inputs_of({"portal": secret.hex(), "beacon": "ab"})
    assert inputs == f"beacon=ab\nportal={secret.hex()}"
    assert draw.seed_from(digest, inputs) == (
        hashlib.sha256(b"jari/draw/seed/v2\n" + digest + inputs.encode()).digest()
    )


def test_every_part_of_the_seed_changes_it():
    digest = bytes([1]) * 32
    seeds = {
        draw.seed_from(digest, "portal=00"),
        draw.seed_from(bytes(32), "portal=00"),
        draw.seed_from(digest, "portal=01"),
        draw.seed_from(digest, "beacon=1\nportal=00"),
    }

    assert len(seeds) == 4


@pytest.mark.parametrize("values", [{"": "1"}, {"a=b": "1"}, {"a": "1\nb=2"}])
def test_inputs_that_could_be_read_in_two_ways_are_refused(values):
    with pytest.raises(ValueError, match="can't be an input"):
        draw.inputs_of(values)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_secret_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match="secret must be 32 bytes"):
        draw.commitment(bytes(length))
    with pytest.raises(ValueError, match="list digest must be 32 bytes"):
        draw.seed_from(bytes(length), "")
