"""Areas of the cancellation list are written and read alike, in Python and in SQL."""

import re

import pytest
from django.db import connection

from booking.areas import KEYS_OF_CLINIC, Area, areas_in, clinic_key, district_key, keys_of
from tests.factories import ClinicFactory


@pytest.mark.parametrize(
    ("area", "key"),
    [
        (Area(clinic_id=12), "c:12"),
        (Area(region="서울특별시", district="강남구"), "d:서울특별시/강남구"),
    ],
)
def test_a_key_leads_back_to_its_area(area, key):
    assert area.key == key
    assert Area.of(key) == area


@pytest.mark.parametrize(
    "key", ["", "c:", "c:x", "c:²", "d:서울특별시", "e:1", "12", "c:-1", "c:" + 19 * "9"]
)
def test_what_is_no_key_is_refused(key):
    with pytest.raises(ValueError, match=f"^{re.escape(key)}$"):
        Area.of(key)
    assert areas_in([key, "c:7"]) == [Area(clinic_id=7)]


@pytest.mark.django_db
def test_sql_writes_the_keys_of_a_clinic_as_python_does():
    clinic = ClinicFactory(region="부산광역시", district="중구")

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {KEYS_OF_CLINIC} FROM booking_clinic AS clinic")  # noqa: S608
        [[keys]] = cursor.fetchall()

    assert keys == keys_of(clinic_id=clinic.pk, region=clinic.region, district=clinic.district)
    assert keys == [clinic_key(clinic.pk), district_key("부산광역시", "중구")]
