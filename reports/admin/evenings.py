"""Reports of evenings: the list, one report with its files, and working it out anew."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reports.evening import make_report
from reports.evening_files import curves_csv, report_pdf
from reports.evening_page import figures_of_list, shown
from reports.models import EveningReport
from staff.hooks import pages
from staff.pages import page_of
from staff.services import staff_of
from staff.site import PortalSite
from waiting_room.models import Room


class EveningPages:
    """Pages below /admin/evenings/."""

    def __init__(self, site: PortalSite) -> None:
        self.site = site

    def routes(self) -> list[URLPattern]:
        view = self.site.admin_view
        return [
            path("evenings/", view(require_GET(self.evenings)), name="evenings"),
            path("evenings/<int:pk>/", view(require_GET(self.evening)), name="evening"),
            path("evenings/<int:pk>/minutes.csv", view(require_GET(self.csv)), name="evening_csv"),
            path("evenings/<int:pk>/report.pdf", view(require_GET(self.pdf)), name="evening_pdf"),
            path(
                "evenings/of/<int:room>/make/", view(require_POST(self.make)), name="evening_make"
            ),
        ]

    def evenings(self, request: HttpRequest) -> HttpResponse:
        """Rooms that people could join, the latest opening first, each with its newest report."""
        user = _check(request, "view")
        newest = EveningReport.objects.order_by("room", "-made_at", "-pk").distinct("room")
        # Without the curves, of which a line that is open for days has many.
        small = newest.defer("logged", "stored").annotate(
            totals=F("logged__totals"), waited_95=F("logged__waited_95"), shares=F("stored__shares")
        )
        reports = {report.room_id: report for report in small}
        rooms = Room.objects.filter(board__document__issued__gt=0).select_related("cohort")
        rows = [
            {
                "room": room,
                "report": report,
                "figures": report
                and figures_of_list(report.totals, report.waited_95, report.shares),
            }
            for room in rooms.order_by("-cohort__opens_at", "-pk")
            for report in [reports.get(room.pk)]
        ]
        return self._page(
            request,
            "admin/reports/evening/list.html",
            _("Reports of evenings"),
            rows=rows,
            may_make=user.has_perm("reports.change_evening"),
        )

    def evening(self, request: HttpRequest, pk: int) -> HttpResponse:
        user = _check(request, "view")
        report = _report(pk)
        first_hours = "first" in request.GET
        earlier = EveningReport.objects.filter(room=report.room).order_by("-made_at", "-pk")
        return self._page(
            request,
            "admin/reports/evening/report.html",
            str(report.room),
            crumbs=[(_("Reports of evenings"), reverse("admin:evenings"))],
            shown=shown(report, first_hours=first_hours),
            report=report,
            first_hours=first_hours,
            others=_compared(report, list(earlier[:10])),
            may_make=user.has_perm("reports.change_evening"),
        )

    def csv(self, request: HttpRequest, pk: int) -> HttpResponse:
        _check(request, "view")
        report = _report(pk)
        return _file(curves_csv(report), report, "csv", "text/csv; charset=utf-8")

    def pdf(self, request: HttpRequest, pk: int) -> HttpResponse:
        _check(request, "view")
        report = _report(pk)
        return _file(report_pdf(shown(report)), report, "pdf", "application/pdf")

    def make(self, request: HttpRequest, room: int) -> HttpResponse:
        """Work the figures out anew, beside the reports that are kept."""
        user = _check(request, "change")
        rooms = Room.objects.select_related("cohort", "line", "board")
        report = make_report(get_object_or_404(rooms, pk=room), by=user)
        if report is None:
            messages.error(request, _("Nobody has joined this line yet."))
            return HttpResponseRedirect(reverse("admin:evenings"))
        messages.success(request, _("The figures were worked out anew."))
        return HttpResponseRedirect(reverse("admin:evening", args=[report.pk]))

    def _page(
        self, request: HttpRequest, template: str, title: str, **context: Any
    ) -> HttpResponse:
        return page_of(self.site, request, template, title, **context)


def _check(request: HttpRequest, right: str) -> Any:
    user = staff_of(request)
    if not user.has_perm(f"reports.{right}_evening"):
        raise PermissionDenied
    return user


def _report(pk: int) -> EveningReport:
    return get_object_or_404(EveningReport.objects.select_related("room__cohort", "made_by"), pk=pk)


def _compared(report: EveningReport, others: list[EveningReport]) -> list[dict[str, Any]]:
    """The other reports of the room, and whether the log's figures are those of this one."""
    return [
        {
            "report": other,
            "same_log": other.log_root == report.log_root,
            "same_figures": other.logged == report.logged,
        }
        for other in others
        if other.pk != report.pk
    ]


def _file(content: bytes, report: EveningReport, kind: str, content_type: str) -> HttpResponse:
    answer = HttpResponse(content, content_type=content_type)
    name = f"evening-{report.room.cohort.code}-{report.made_at:%Y%m%d}.{kind}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _routes(site: PortalSite) -> list[URLPattern]:
    return EveningPages(site).routes()


pages.register(_routes)
