"""The staff's pages of exports: what there is, and taking one."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from database.clock import known_today
from reports.definitions import EXPORTS
from reports.enums import CONTENT_TYPES, Zone
from reports.exports import Export
from reports.files import order_file
from reports.forms import TakeForm
from reports.reading import query_of, rows_expected
from reports.taking import record_taking, unnamed_file
from reports.writing import Written
from staff.hooks import pages
from staff.pages import fieldsets_of, page_of
from staff.services import staff_of
from staff.site import PortalSite

MOST_SHOWN = 10  # replaced letters in a notice
# Rows that Postgres reads for a file while its taker waits: a second or two, also with people.
MOST_AT_ONCE = 20_000


def _exports_of(request: HttpRequest) -> list[Export]:
    user = staff_of(request)
    return [export for export in EXPORTS.values() if export.may_take(user)]


class ExportPages:
    """Pages below /admin/exports/, which belong to no model."""

    def __init__(self, site: PortalSite) -> None:
        self.site = site

    def routes(self) -> list[URLPattern]:
        view = self.site.admin_view
        return [
            path("exports/", view(self.overview), name="exports"),
            path("exports/<slug:name>/", view(self.take), name="export"),
            # The address of the time when reservations were all there was.
            path(
                "booking/reservation/download/",
                view(_to_reservations),
                name="booking_reservation_download",
            ),
        ]

    def overview(self, request: HttpRequest) -> HttpResponse:
        exports = _exports_of(request)
        if not exports:
            raise PermissionDenied
        return page_of(
            self.site, request, "admin/reports/exports.html", _("Exports"), exports=exports
        )

    def take(self, request: HttpRequest, name: str) -> HttpResponseBase:
        """The form of an export; POST answers the file, recorded before its first byte."""
        export = EXPORTS.get(name)
        if export is None:
            raise Http404
        user = staff_of(request)
        if not export.may_take(user):
            raise PermissionDenied
        today = known_today()
        initial = {"first": today, "last": today}
        form = TakeForm(request.POST or None, initial=initial, export=export, user=user)
        if request.method == "POST" and form.is_valid():
            return _file(request, form)
        return page_of(
            self.site,
            request,
            "admin/reports/export.html",
            str(export.title),
            crumbs=[(_("Exports"), reverse("admin:exports"))],
            export=export,
            form=form,
            adminform=fieldsets_of(form, form.fieldsets()),
            status=422 if form.errors else 200,
        )


def _file(request: HttpRequest, form: TakeForm) -> HttpResponseBase:
    """The file; or, where many rows are to be read, the page of the file that a worker makes."""
    selection, reason = form.selection, form.cleaned_data["reason"]
    assert selection is not None
    if form.cleaned_data["keep"] or rows_expected(query_of(selection, Zone.UTC)) > MOST_AT_ONCE:
        ordered = order_file(
            selection=selection, form=form.form(), reason=reason, user=staff_of(request)
        )
        return HttpResponseRedirect(reverse("admin:reports_exportfile_change", args=[ordered.pk]))
    file, written = unnamed_file(selection, form.form(), reason=reason)
    record_taking(selection, written, reason=reason, request=request)
    _tell_of_replaced(request, written)
    days = "-".join(f"{day:%Y%m%d}" for day in (selection.first, selection.last) if day)
    packing = form.form().packing
    name = "-".join(filter(None, [selection.export.name, days]))
    return FileResponse(
        file,
        as_attachment=True,
        filename=f"{name}.{packing.value}",
        content_type=CONTENT_TYPES[packing],
    )


def _tell_of_replaced(request: HttpRequest, written: Written) -> None:
    """Say on the next page which letters of the file were replaced."""
    if not written.replaced_count:
        return
    count = written.replaced_count
    text = ngettext(
        "%(count)s letter that CP949 does not have was replaced: %(letters)s",
        "%(count)s letters that CP949 does not have were replaced: %(letters)s",
        count,
    )
    letters = ", ".join(
        _("row %(row)s, %(column)s: %(letter)s → %(by)s") % vars(entry)
        for entry in written.replaced[:MOST_SHOWN]
    )
    if count > MOST_SHOWN:
        letters += ", …"
    messages.warning(request, text % {"count": count, "letters": letters})


def _to_reservations(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:export", args=["reservations"]))


def _routes(site: PortalSite) -> list[URLPattern]:
    return ExportPages(site).routes()


pages.register(_routes)
