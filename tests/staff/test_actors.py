"""Who acted: written and read in one place."""

import pytest

from staff.actors import CITIZEN, SYSTEM, actor, actors, is_staff, user_id_of


def test_a_user_is_written_with_their_id():
    assert (actor(7), actors([7, 8])) == ("staff:7", ["staff:7", "staff:8"])


@pytest.mark.parametrize(
    ("by", "staff", "user_id"),
    [
        ("staff:7", True, 7),
        (CITIZEN, False, None),
        (SYSTEM, False, None),
        ("", False, None),
        ("7", False, None),
        ("staff:import", True, None),
        ("staff:²", True, None),
        ("staff:" + "9" * 30, True, None),
    ],
)
def test_who_acted_is_read_back(by, staff, user_id):
    assert (is_staff(by), user_id_of(by)) == (staff, user_id)
