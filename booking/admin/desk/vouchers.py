"""A voucher of an appointment for people without a phone: place, time, number and QR code."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from booking.admin.desk.caller import caller_address, caller_crumbs
from booking.admin.desk.notes import NotePages
from booking.enums import ReservationStatus
from booking.qr import qr_svg
from staff.enums import Act


class VoucherPages(NotePages):
    """Adds the printed voucher."""

    def voucher_view(self, request: HttpRequest, token: str, pk: int) -> HttpResponse:
        person = self._caller_to_act_for(request, token)
        if person is None:
            return self._search_again(request)
        standing = self.get_queryset(request).filter(status=ReservationStatus.CONFIRMED)
        row = get_object_or_404(standing, pk=pk, person=person)
        self._record(request, Act.PRINT, "voucher", [person.pk], numbers=row.number)
        return self.page(
            request,
            "admin/booking/desk/voucher.html",
            _("Voucher"),
            crumbs=caller_crumbs(person, token),
            person=person,
            row=row,
            qr=qr_svg(row.number),
            back=caller_address(token),
        )
