"""Role × address × method: one table says how each is answered, and nothing else is."""

import os

import pytest

from booking.models import Clinic
from tests.staff.address_table import KINDS, asked, routes, scene, table, write

pytestmark = pytest.mark.django_db
MOST_STATEMENTS = 12  # of a page, those of the session and its user included


@pytest.fixture(autouse=True)
def _a_place_of_its_own(settings, tmp_path):
    settings.HOME = tmp_path


@pytest.mark.skipif(not os.environ.get("JARI_WRITE_TABLE"), reason="writes the table anew")
def test_write_the_table():
    users, rows = scene()

    write({kind: asked(kind, users, rows)[0] for kind in KINDS})


def test_every_address_has_a_row_and_no_row_is_left_over():
    assert list(table()) == routes()


def test_no_address_fails():
    failing = {
        (route, kind): answer
        for route, cells in table().items()
        for kind, answer in cells.items()
        if "500" in answer
    }
    assert failing == {}


@pytest.mark.parametrize("kind", KINDS)
def test_each_address_answers_as_the_table_says(kind):
    """And no page needs more statements where a list has three rows instead of one."""
    users, rows = scene()
    for _ in range(2):
        scene(Clinic.objects.get(pk=rows["booking.clinic"]))

    answers, statements = asked(kind, users, rows)

    expected = table()
    assert answers == {route: expected[route][kind] for route in answers}
    assert {route: n for route, n in statements.items() if n > MOST_STATEMENTS} == {}
