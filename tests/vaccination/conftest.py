from datetime import timedelta

import pytest

from booking.models import Reservation
from booking.services.visits import mark_arrived
from staff.enums import Role
from tests.factories import ReservationFactory, StaffFactory
from tests.vaccination.factories import LotFactory
from vaccination.models import Lot


@pytest.fixture
def arrived(clock) -> Reservation:
    """A person who has come to their appointment of today."""
    reservation = ReservationFactory()
    clock.move_to(reservation.slot.starts_at + timedelta(minutes=1))
    mark_arrived(reservation=reservation, by="staff:1")
    reservation.refresh_from_db()
    return reservation


@pytest.fixture
def nurse(arrived):
    return StaffFactory(role=Role.CLINIC, clinic=arrived.slot.clinic, username="nurse")


@pytest.fixture
def by(nurse) -> str:
    return f"staff:{nurse.pk}"


@pytest.fixture
def lot(arrived) -> Lot:
    """Ten doses of the vaccine of the appointment, at its clinic."""
    return LotFactory(clinic=arrived.slot.clinic, vaccine=arrived.slot.vaccine)
