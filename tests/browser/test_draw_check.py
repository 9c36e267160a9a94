"""The browser's own calculation of the draw against the portal's."""

import hashlib
from random import Random

import pytest

from waiting_room import draw

SEED = bytes.fromhex("01b4f6bd5d6a06a7b74a8565ceb4f845afe0ae96a0ac05cf5e86066bf7b538ec")
INPUTS = "portal=00\nstated=1등 3, 7, 19"


@pytest.fixture
def script(context, settings):
    """A page from which draw.js can be imported."""
    folder = settings.BASE_DIR / "static" / "jari"
    context.route(
        "http://draw.test/", lambda route: route.fulfill(body="", content_type="text/html")
    )
    context.route(
        "http://draw.test/*.js",
        lambda route: route.fulfill(
            path=folder / route.request.url.rsplit("/", 1)[1], content_type="text/javascript"
        ),
    )
    page = context.new_page()
    page.goto("http://draw.test/")
    return lambda body, argument: page.evaluate(
        f"async (given) => {{ const js = await import('/draw.js'); {body} }}", argument
    )


@pytest.mark.parametrize("count", [1, 2, 33, 257, 1000])
def test_places_in_the_browser_are_those_of_the_portal(script, count):
    body = "return given.entries.map((entry) => js.placeOf(entry, given.count, given.seed));"
    entries = list(range(1, count + 10))

    places = script(body, {"entries": entries, "count": count, "seed": SEED.hex()})

    assert places == [draw.number_for_entry(entry, count, SEED) for entry in entries]


def test_places_agree_at_every_size_of_room(script):
    random = Random(3)  # noqa: S311
    cases = []
    for _ in range(60):
        count = random.choice([10**6, 2**31 + 11, 2**32, random.randint(1, 10**7)])
        cases.append([random.randint(1, count), count, random.randbytes(32).hex()])

    places = script("return given.map((each) => js.placeOf(...each));", cases)

    assert places == [draw.number_for_entry(e, n, bytes.fromhex(seed)) for e, n, seed in cases]


def test_hashes_commitment_and_seed_agree(script):
    messages = [bytes([n % 256]) * n for n in [*range(130), 1000, 4097]]

    hashes = script(
        "return given.map((hex) => js.toHex(js.sha256(js.fromHex(hex))));",
        [message.hex() for message in messages],
    )
    made = script(
        "return [js.commitment(given[0]), js.seedFrom(given[1], given[2])];",
        [bytes(32).hex(), SEED.hex(), INPUTS],
    )

    assert hashes == [hashlib.sha256(message).hexdigest() for message in messages]
    seed = draw.seed_from(SEED, INPUTS).hex()
    assert made == [draw.commitment(bytes(32)), seed]
