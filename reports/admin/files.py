"""Admin of files that a worker makes: how far they are, what they hold, taking and cancelling."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from bulk.values import shown
from reports.admin.texts import title_of
from reports.enums import CONTENT_TYPES, FileStatus, Packing
from reports.files import cancel_file, may_fetch, name_of, record_fetch
from reports.models import ExportFile
from reports.storage import storage_of
from staff.pages import StaffPages
from staff.scoping import sees_everything
from staff.services import staff_of
from web.careful_admin import CarefulMixin

REFRESH_SECONDS = 3


@admin.register(ExportFile)
class ExportFileAdmin(CarefulMixin[ExportFile], StaffPages[ExportFile]):
    """Read-only. Everybody sees their own files, those who see everything also whose others are;
    only the one who asked for a file gets it."""

    list_display = ["number", "of", "status", "progress", "taker", "asked_at", "kept"]
    list_filter = ["status", "export"]
    list_select_related = ["user", "token", "schedule"]
    fields = readonly_fields = (
        "of", "status", "progress", "problem", "selection", "taker", "reason", "length", "digest",
        "letters", "asked_at", "ended", "kept",
    )  # fmt: skip
    change_form_template = "admin/reports/exportfile/change_form.html"
    change_list_template = "admin/reports/exportfile/change_list.html"
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExportFile]:
        rows = super().get_queryset(request)
        user = staff_of(request)
        return rows if sees_everything(user) else rows.filter(user=user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ExportFile | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ExportFile | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("number"))
    def number(self, file: ExportFile) -> str:
        return f"#{file.pk}"

    @admin.display(description=gettext_lazy("export"))
    def of(self, file: ExportFile) -> str:
        return f"{title_of(file.export)} (v{file.version})"

    @admin.display(description=gettext_lazy("rows"))
    def progress(self, file: ExportFile) -> str:
        if file.status != FileStatus.RUNNING:
            return f"{file.rows:,}" if file.rows else "–"
        # The expectation is the planner's, and may be too low.
        return format_html(
            '<progress max="{}" value="{}"></progress> {}',
            max(file.rows_expected, file.rows, 1),
            file.rows,
            f"{file.rows:,}",
        )

    @admin.display(description=gettext_lazy("taken by"))
    def taker(self, file: ExportFile) -> str:
        return str(file.user or file.token or file.schedule or "–")

    @admin.display(description=gettext_lazy("selection"))
    def selection(self, file: ExportFile) -> str:
        order = file.options
        parts = [
            f"{order.get('first') or '…'} – {order.get('last') or '…'}",
            order.get("region", ""),
            order.get("cohort", ""),
            ", ".join(order.get("columns", [])),
            order.get("recipient", ""),
            order.get("packing", ""),
            order.get("encoding", ""),
        ]
        return " · ".join(part for part in parts if part)

    @admin.display(description=gettext_lazy("size"))
    def length(self, file: ExportFile) -> str:
        return filesizeformat(file.size) if file.size else "–"

    @admin.display(description=gettext_lazy("SHA-256"))
    def digest(self, file: ExportFile) -> str:
        """In pieces between which a narrow page may break the line."""
        pieces = ((file.sha256[start : start + 8],) for start in range(0, len(file.sha256), 8))
        return format_html_join("", "{}<wbr>", pieces) or "–"

    @admin.display(description=gettext_lazy("letters replaced"))
    def letters(self, file: ExportFile) -> str:
        if not file.replaced_count:
            return "–"
        listed = "; ".join(
            _("row %(row)s, %(column)s: %(letter)s → %(by)s") % entry for entry in file.replaced
        )
        return f"{file.replaced_count:,}: {listed}"

    @admin.display(description=gettext_lazy("created at"))
    def asked_at(self, file: ExportFile) -> str:
        return shown(file.created_at)

    @admin.display(description=gettext_lazy("ended at"))
    def ended(self, file: ExportFile) -> str:
        return shown(file.ended_at)

    @admin.display(description=gettext_lazy("kept until"))
    def kept(self, file: ExportFile) -> str:
        return shown(file.keep_until)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/download/", view(self.download_view), name="reports_exportfile_download"
            ),
            path(
                "<int:pk>/cancel/",
                view(require_POST(self.cancel_view)),
                name="reports_exportfile_cancel",
            ),
            *super().get_urls(),
        ]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        response = super().changeform_view(request, object_id, *args, **kwargs)
        context = getattr(response, "context_data", None)
        file: ExportFile | None = (context or {}).get("original")
        if context is not None and file is not None:
            user = staff_of(request)
            context["may_download"] = file.status == FileStatus.DONE and may_fetch(file, user)
            context["may_cancel"] = file.is_open and file.user_id == user.pk
            if file.is_open:
                response["Refresh"] = str(REFRESH_SECONDS)  # needs no script
        return response

    def _file(self, request: HttpRequest, pk: int) -> ExportFile:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(self.get_queryset(request), pk=pk)

    def download_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The kept file, recorded before its first byte."""
        file = self._file(request, pk)
        if not may_fetch(file, staff_of(request)):
            raise PermissionDenied
        if file.status != FileStatus.DONE:
            raise Http404
        packing = Packing(file.options["packing"])
        content = storage_of(file.storage).open(name_of(file))
        record_fetch(file, request)
        return FileResponse(
            content,
            as_attachment=True,
            filename=f"{file.export}-{file.pk}.{packing.value}",
            content_type=CONTENT_TYPES[packing],
        )

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        file = self._file(request, pk)
        if file.user_id != staff_of(request).pk:
            raise PermissionDenied
        if cancel_file(file):
            messages.success(request, _("The file is cancelled."))
        else:
            messages.warning(request, _("The file was ready already."))
        return HttpResponseRedirect(reverse("admin:reports_exportfile_change", args=[pk]))
