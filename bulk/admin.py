"""Pages of changes by file: choose a kind, send a file, look at what it changes, apply, undo."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from bulk import services
from bulk.enums import AT_WORK, Action, UploadStatus
from bulk.exceptions import BulkRefused
from bulk.exports import write_export
from bulk.kinds import KINDS, Kind, kinds_for
from bulk.models import Upload, UploadRow
from bulk.values import shown
from bulk.working import change_in
from dataio.uploads import csv_by_name, progress_of
from staff.actors import actor_of
from staff.enums import Act
from staff.names import actor_name
from staff.pages import fieldsets_of
from staff.scoping import ScopedAdmin, sees_everything
from staff.services import record_access, staff_of
from web.posted import form_data

REFRESH_SECONDS = 3
SHOWN = 100  # rows on a page


class FileForm(forms.Form):
    sent = forms.FileField(
        label=gettext_lazy("CSV file"),
        validators=[csv_by_name],
        help_text=gettext_lazy("UTF-8 or CP949, at most 20 MB. A column that is left out stays."),
    )

    def clean_sent(self) -> Any:
        sent = self.cleaned_data["sent"]
        if sent.size > services.MOST_BYTES:
            raise forms.ValidationError(_("This file is too large. Cut it into several."))
        return sent


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        min_length=5,
        max_length=200,
        help_text=gettext_lazy("Kept with the record of this download."),
    )


@admin.register(Upload)
class UploadAdmin(ScopedAdmin[Upload]):
    list_display = ["number", "kind_name", "file", "status", "summary", "by_whom", "created_at"]
    list_filter = ["status"]
    list_select_related = ["user"]
    change_list_template = "admin/bulk/upload/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Upload]:
        """Files of the kinds this user may change: all for the authority, else the user's own."""
        user = staff_of(request)
        rows = admin.ModelAdmin.get_queryset(self, request)
        rows = rows.filter(kind__in=[kind.code for kind in kinds_for(user)])
        # Of a clinic's manager not even colleagues: a file may be of another clinic's time.
        return rows if sees_everything(user) else rows.filter(user=user)

    def has_change_permission(self, request: HttpRequest, obj: Upload | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        acts = {
            "apply": self._apply,
            "undo": self._undo,
            "drop": self._drop,
            "again": self._run_again,
        }
        return [
            path("new/<slug:code>/", view(self.new_view), name="bulk_upload_new"),
            path("export/<slug:code>/", view(self.export_view), name="bulk_upload_export"),
            *(
                path(
                    f"<int:pk>/{name}/",
                    view(require_POST(partial(self.act_view, act))),
                    name=f"bulk_upload_{name}",
                )
                for name, act in acts.items()
            ),
            *super().get_urls(),
        ]

    # Kinds and files

    def _kind(self, request: HttpRequest, code: str) -> type[Kind]:
        """The kind with this code; raises Http404 or PermissionDenied."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        kind = KINDS.get(code)
        if kind is None:
            raise Http404
        if not kind.allows(request.user):
            raise PermissionDenied
        return kind

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        kinds = [(kind.code, capfirst(str(kind.name))) for kind in kinds_for(request.user)]
        if not self.has_add_permission(request):
            kinds = []
        response = super().changelist_view(request, {**(extra_context or {}), "kinds": kinds})
        at_work = self.get_queryset(request).filter(status__in=AT_WORK)
        return self._refreshing(response, request.method == "GET" and at_work.exists())

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The kinds stand on the list, each with its own page."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(self.list_crumb()[1])

    def new_view(self, request: HttpRequest, code: str) -> HttpResponse:
        kind = self._kind(request, code)
        posted = request.method == "POST"
        form = FileForm(request.POST, request.FILES) if posted else FileForm()
        if posted and form.is_valid():
            file = form.cleaned_data["sent"]
            upload = services.start(kind=kind, file=file, user=staff_of(request))
            return HttpResponseRedirect(self._address(upload))
        return self.page(
            request,
            "admin/bulk/upload/new.html",
            _("Change by file: %(kind)s") % {"kind": kind.name},
            status=422 if posted else 200,
            form=form,
            adminform=fieldsets_of(form, [(None, {"fields": ["sent"]})]),
            code=code,
            columns=[
                (column.name, kind.label(column.name), column.required)
                for column in kind.layouts[0].columns
            ],
        )

    def export_view(self, request: HttpRequest, code: str) -> HttpResponseBase:
        """The kind's file as its rows stand; people's data only with a reason, on record."""
        kind = self._kind(request, code)
        form = ReasonForm(form_data(request))
        if kind.holds_people and not form.is_valid():
            return self.act_page(
                request,
                _("Download: %(kind)s") % {"kind": kind.name},
                lead=_("You get the rows that you may see, as they are at this instant."),
                submit=_("Download"),
                form=form,
                adminform=fieldsets_of(form, [(None, {"fields": ["reason"]})]),
                back=self.list_crumb()[1],
            )
        run = kind(by=actor_of(staff_of(request)), user=staff_of(request))
        file, keys = write_export(run)
        record_access(
            request,
            act=Act.DOWNLOAD,
            what="bulk_file",
            data={"kind": code, "count": len(keys)},
            people=run.people_of(keys),
            reason=form.cleaned_data["reason"] if kind.holds_people else "",
        )
        name = f"{code}.csv"
        return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv")

    # One file

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        upload = self.row_of(request, object_id)
        if request.method != "GET":
            raise PermissionDenied  # acts have addresses of their own
        return self._preview(request, upload)

    def _preview(self, request: HttpRequest, upload: Upload, status: int = 200) -> HttpResponse:
        kind = KINDS[upload.kind]
        counts = {action: upload.counts.get(action.value, 0) for action in Action}
        chosen = request.GET.get("rows", "")
        if chosen not in Action.values:
            # Refused rows first: they are what its sender has to do something about.
            chosen = next((str(action) for action in reversed(Action) if counts[action]), "")
        rows = upload.rows.filter(action=chosen).order_by("line", "pk")
        page = Paginator(rows, SHOWN).get_page(request.GET.get("page"))
        self._record(request, upload, kind, list(page))
        response = self.page(
            request,
            "admin/bulk/upload/preview.html",
            _("Change by file: %(kind)s") % {"kind": kind.name},
            end=str(upload),
            status=status,
            upload=upload,
            by_whom=actor_name(actor_of(upload.user)),
            applied_by=actor_name(upload.applied_by) if upload.applied_by else "",
            undone_by=actor_name(upload.undone_by) if upload.undone_by else "",
            progress=progress_of(services.progress_key(upload))
            if upload.status in AT_WORK
            else None,
            may_act=self.has_add_permission(request),
            preview={
                "at_work": upload.status in AT_WORK,
                "state": UploadStatus(upload.status).name.lower(),
                "tabs": [(action.value, action.label, counts[action]) for action in Action],
                "unchanged": upload.counts.get("unchanged", 0),
                "would_change": counts[Action.NEW] + counts[Action.CHANGED],
                "refused": counts[Action.ERROR],
                "chosen": chosen,
                "rows": [_shown_row(row, kind) for row in page],
                "page": page,
            },
        )
        return self._refreshing(response, upload.status in AT_WORK)

    def _record(
        self, request: HttpRequest, upload: Upload, kind: type[Kind], rows: list[UploadRow]
    ) -> None:
        """Record whose data the page shows, where it shows people's."""
        if not kind.holds_people:
            return
        run = kind(by=actor_of(staff_of(request)), user=staff_of(request))
        keys = [change_in(row, kind).key for row in rows if row.action != Action.ERROR]
        record_access(
            request,
            act=Act.LIST,
            what="bulk.upload",
            data={"row": str(upload)},
            people=run.people_of(keys) if keys else [],
        )

    def act_view(
        self, act: "Callable[[HttpRequest, Upload], str]", request: HttpRequest, pk: int
    ) -> HttpResponse:
        upload = self.row_of(request, pk)
        if not self.has_add_permission(request):
            raise PermissionDenied
        try:
            messages.success(request, act(request, upload))
        except BulkRefused as refusal:
            messages.error(request, str(refusal))
        return HttpResponseRedirect(self._address(upload))

    def _apply(self, request: HttpRequest, upload: Upload) -> str:
        services.apply(
            upload=upload,
            shown=request.POST.get("shown", ""),
            skip_refused="skip_refused" in request.POST,
            user=staff_of(request),
        )
        return _("A worker applies the file.")

    def _undo(self, request: HttpRequest, upload: Upload) -> str:
        services.undo(upload=upload, user=staff_of(request))
        return _("A worker takes the file back.")

    def _drop(self, request: HttpRequest, upload: Upload) -> str:
        services.drop(upload=upload, user=staff_of(request))
        return _("The file was dropped. Nothing was changed.")

    def _run_again(self, request: HttpRequest, upload: Upload) -> str:
        services.run_again(upload=upload, user=staff_of(request))
        return _("A worker was asked again.")

    def _address(self, upload: Upload) -> str:
        return reverse("admin:bulk_upload_change", args=[upload.pk])

    def _refreshing(self, response: HttpResponse, going_on: bool) -> HttpResponse:
        """Reload the page while a worker is at it; by a header, as it needs no script."""
        if going_on:
            response["Refresh"] = str(REFRESH_SECONDS)
        return response

    @admin.display(description=gettext_lazy("number"))
    def number(self, upload: Upload) -> str:
        return str(upload)

    @admin.display(description=gettext_lazy("kind"))
    def kind_name(self, upload: Upload) -> str:
        kind = KINDS.get(upload.kind)
        return capfirst(str(kind.name)) if kind else upload.kind

    @admin.display(description=gettext_lazy("rows"))
    def summary(self, upload: Upload) -> str:
        counts = upload.counts
        parts = [(action.label, counts.get(action.value, 0)) for action in Action]
        return " · ".join(f"{label} {count:,}" for label, count in parts if count) or "–"

    @admin.display(description=gettext_lazy("by"))
    def by_whom(self, upload: Upload) -> str:
        return actor_name(actor_of(upload.user))


def _shown_row(row: UploadRow, kind: type[Kind]) -> dict[str, Any]:
    if row.action == Action.ERROR:
        return {"line": row.line, "problem": json.loads(row.content)["problem"]}
    change = change_in(row, kind)
    before = change.before or {}
    return {
        "line": row.line,
        "key": kind.named(change.key),
        "values": [
            (kind.label(name), shown(before[name]) if name in before else "", shown(value))
            for name, value in change.after.items()
        ],
    }
