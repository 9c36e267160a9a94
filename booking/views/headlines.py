"""Headlines of the booking pages: one sentence per status, chosen here, not in templates."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.areas import Area
from booking.enums import OfferStatus, ReservationStatus
from booking.finder.availability import ClinicFacts
from booking.finder.search import Search
from booking.models import Clinic, Offer, Reservation
from dataio.districts import district_name, place_name, region_name
from standing.states import State
from standing.texts import TABLE

# Lazy: chosen at import, translated for each request.
CANCELLING = gettext_lazy("Cancel this appointment?")
OF_RESERVATION = {
    ReservationStatus.HELD: gettext_lazy("Not confirmed yet"),
    ReservationStatus.CONFIRMED: TABLE[State.BOOKED].heading,
    ReservationStatus.ARRIVED: gettext_lazy("You have arrived at the clinic"),
    ReservationStatus.VACCINATED: TABLE[State.DONE].heading,
    ReservationStatus.NOT_DONE: gettext_lazy("You came and were not vaccinated"),
    ReservationStatus.NO_SHOW: gettext_lazy("You did not come to this appointment"),
    ReservationStatus.CANCELLED: gettext_lazy("This appointment is cancelled"),
    ReservationStatus.LAPSED: gettext_lazy("This time ran out before it was confirmed"),
    ReservationStatus.RELEASED: gettext_lazy("You gave this time up before confirming it"),
}


def of_reservation(reservation: Reservation, *, asks_cancel: bool) -> str:
    return str(CANCELLING if asks_cancel else OF_RESERVATION[ReservationStatus(reservation.status)])


def of_offer(offer: Offer, *, is_open: bool) -> str:
    if is_open:
        return str(TABLE[State.OFFER].heading)
    if offer.status == OfferStatus.TAKEN:
        return str(TABLE[State.BOOKED].heading)
    if offer.status == OfferStatus.DECLINED:
        return _("You said no to this time")
    return _("This offer has ended")


def sold_out(
    search: Search,
    clinic: ClinicFacts | Clinic | None,
    *,
    closed: bool,
    clinics_searched: int,
    narrowed: bool,
) -> str:
    """Why a search found nothing.

    `closed`: the clinic takes no bookings; `narrowed`: by weekday, hours or vaccine.
    """
    if clinic:
        return _of_clinic(closed=closed, narrowed=narrowed) % {"name": clinic.full_name}
    if search.name and not clinics_searched:
        return _("There is no clinic named “%(name)s”") % {"name": search.name}
    if search.places and not search.is_named():
        return _("Nothing is open in the districts you chose")
    if search.district and not search.is_named():
        text = _("Nothing is open in %(name)s")
        if narrowed:
            text = _("Nothing that suits is open in %(name)s")
        return text % {"name": district_name(search.region, search.district)}
    return _("Nothing that suits is open")


def _of_clinic(*, closed: bool, narrowed: bool) -> str:
    if closed:
        return _("%(name)s takes no bookings at the moment")
    if narrowed:
        return _("Nothing that suits is open at %(name)s")
    return _("Nothing is open at %(name)s")


def list_heading(search: Search) -> str:
    """Which clinics are listed, and their order."""
    if search.places and not search.is_named():
        return " · ".join(
            district_name(area.region, area.district) for area in map(Area.of, search.places)
        )
    names = {
        "name": search.name,
        "place": search.near,
        "region": region_name(search.region),
        "district": district_name(search.region, search.district),
    }
    if search.name and search.near:
        return _("Clinics named “%(name)s”, nearest to %(place)s first") % names
    if search.name and search.district:
        text = _("Clinics named “%(name)s”, nearest to %(region)s %(district)s first")
        return text % names
    if search.near:
        return _("Near %(place)s") % names
    if search.name:
        return _("Clinics named “%(name)s”") % names
    return place_name(search.region, search.district) if search.district else ""
