"""Addresses of rows, which are not resolved one by one."""

import pytest
from django.urls import clear_script_prefix, reverse, set_script_prefix

from staff.row_addresses import row_address


@pytest.mark.parametrize("prefix", ["/", "/portal/"])
def test_an_address_is_that_of_its_page_below_any_prefix(prefix):
    set_script_prefix(prefix)
    try:
        for name in ("booking_reservation_change", "vaccination_dosegiven_record"):
            assert row_address(name, 70) == reverse(f"admin:{name}", args=[70])
    finally:
        clear_script_prefix()
