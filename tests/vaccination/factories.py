import itertools
from datetime import timedelta

from booking.rules import day_of
from tests.clock import clock
from tests.factories import ClinicFactory, Factory, VaccineFactory
from vaccination.models import Lot
from vaccination.services.lots import receive_lot

_number = itertools.count(1)


class LotFactory(Factory):
    """Ten doses that expire in a month, received through the service."""

    @classmethod
    def make(cls, **values) -> Lot:
        values = {
            "number": f"LOT{next(_number):04}",
            "expires_on": day_of(clock.now()) + timedelta(days=30),
            "doses": 10,
            "by": "staff:1",
            **values,
        }
        values["clinic"] = values.get("clinic") or ClinicFactory()
        values["vaccine"] = values.get("vaccine") or VaccineFactory()
        return receive_lot(**values)
