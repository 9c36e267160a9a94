"""Admin of roster uploads, which a worker imports."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from dataio.uploads import csv_by_name, progress_of
from eligibility.admin.people import moment
from eligibility.enums import UploadStatus
from eligibility.models import RosterUpload
from eligibility.services.roster_undo import can_be_undone
from eligibility.services.uploads import (
    agree,
    drop,
    is_going_on,
    may_be_imported,
    progress_key,
    refused_path,
    run_again,
    start_upload,
    undo,
)
from staff.actors import actor_of
from staff.enums import Act
from staff.names import actor_name
from staff.scoping import ScopedAdmin
from staff.services import record_access, staff_of

REFRESH_SECONDS = 3
SHOWN = 100  # people on a page


def _refreshing(response: HttpResponse) -> HttpResponse:
    """Reload the page while an upload is running; by a header, as it needs no script."""
    if is_going_on():
        response["Refresh"] = str(REFRESH_SECONDS)
    return response


class UploadForm(forms.ModelForm[RosterUpload]):
    sent = forms.FileField(
        label=gettext_lazy("CSV file"),
        validators=[csv_by_name],
        help_text=gettext_lazy("person_id, name, birth_date, phone, region; UTF-8 or CP949."),
    )

    class Meta:
        model = RosterUpload
        fields = ["skip_refused"]


@admin.register(RosterUpload)
class RosterUploadAdmin(ScopedAdmin[RosterUpload]):
    form = UploadForm
    list_display = ["number", "file", "status", "progress", "by_whom", "sent_at", "done_at"]
    list_filter = ["status"]
    fields = (
        "file",
        "status",
        "progress",
        "skip_refused",
        "refused_rows",
        "by_whom",
        "shown_report",
    )
    readonly_fields = (*fields, "created_at", "ended_at")
    actions = ["ask_again"]
    change_form_template = "admin/eligibility/rosterupload/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[RosterUpload]:
        return admin.ModelAdmin.get_queryset(self, request)  # the same for everybody

    def has_change_permission(self, request: HttpRequest, obj: RosterUpload | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: RosterUpload | None = None) -> tuple[str, ...]:
        return self.fields if obj else ("sent", "skip_refused")

    def get_readonly_fields(
        self, request: HttpRequest, obj: RosterUpload | None = None
    ) -> tuple[str, ...]:
        return self.readonly_fields if obj else ()

    def get_form(
        self,
        request: HttpRequest,
        obj: RosterUpload | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[forms.ModelForm[RosterUpload]]:
        if obj:
            return super().get_form(request, obj, change)
        return super().get_form(request, obj, change, fields=["skip_refused"])

    def save_model(
        self,
        request: HttpRequest,
        obj: RosterUpload,
        form: forms.ModelForm[RosterUpload],
        change: bool,
    ) -> None:
        upload = start_upload(
            file=form.cleaned_data["sent"],
            skip_refused=form.cleaned_data["skip_refused"],
            by=actor_of(staff_of(request)),
        )
        obj.__dict__.update(upload.__dict__)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return _refreshing(super().changelist_view(request, extra_context))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        response = super().changeform_view(request, object_id, *args, **kwargs)
        return _refreshing(response) if object_id and request.method == "GET" else response

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "<int:pk>/refused/",
                self.admin_site.admin_view(self.refused_view),
                name="roster_refused",
            ),
            *(
                path(
                    f"<int:pk>/{name}/",
                    self.admin_site.admin_view(require_POST(view)),
                    name=f"roster_{name}",
                )
                for name, view in [
                    ("import", self.import_view),
                    ("drop", self.drop_view),
                    ("undo", self.undo_view),
                ]
            ),
            *super().get_urls(),
        ]

    def import_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Import what the preview showed."""
        upload = self._to_act_on(request, pk)
        by = actor_of(staff_of(request))
        done = agree(upload=upload, shown=request.POST.get("shown", ""), by=by)
        if done:
            self._record(request, upload, "roster_import")
        return self._acted(request, upload, _("A worker imports the file.") if done else "")

    def drop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        upload = self._to_act_on(request, pk)
        done = drop(upload=upload)
        text = _("The file was dropped. Nothing was changed.") if done else ""
        return self._acted(request, upload, text)

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take the import back: the people to whom nothing happened since."""
        upload = self._to_act_on(request, pk)
        done = undo(upload=upload, by=actor_of(staff_of(request)))
        if done:
            self._record(request, upload, "roster_undo")
        return self._acted(request, upload, _("A worker takes the file back.") if done else "")

    def _record(self, request: HttpRequest, upload: RosterUpload, what: str) -> None:
        record_access(request, act=Act.CHANGE, what=what, data={"row": str(upload)})

    def _to_act_on(self, request: HttpRequest, pk: int) -> RosterUpload:
        upload = self.row_of(request, pk)
        if not self.has_add_permission(request):
            raise PermissionDenied
        return upload

    def _acted(self, request: HttpRequest, upload: RosterUpload, done: str) -> HttpResponse:
        if done:
            messages.success(request, done)
        else:
            messages.error(request, _("This file is not as it was on your page. Look at it again."))
        address = reverse("admin:eligibility_rosterupload_change", args=[upload.pk])
        return HttpResponseRedirect(address)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        upload: RosterUpload | None = kwargs.get("obj")
        is_shown = upload is not None and upload.status == UploadStatus.SHOWN
        context["may_drop"] = is_shown and self.has_add_permission(request)
        context["may_import"] = context["may_drop"] and upload and may_be_imported(upload)
        may_act = upload is not None and self.has_add_permission(request)
        context["may_undo"] = may_act and upload and can_be_undone(upload)
        context["undone"] = upload and self._undone(request, upload)
        return super().render_change_form(request, context, *args, **kwargs)

    def _undone(self, request: HttpRequest, upload: RosterUpload) -> dict[str, Any] | None:
        """Of an import that is taken back: how many people, and a page of those who stay."""
        if upload.status not in (UploadStatus.UNDOING, UploadStatus.UNDONE):
            return None
        stay = upload.changes.exclude(stays_because="").order_by("person_id")
        page = Paginator(stay.only("person_id", "stays_because"), SHOWN).get_page(
            request.GET.get("page")
        )
        return {
            "removed": upload.removed,
            "changed_back": upload.changed_back,
            "stay": page.paginator.count,
            "by": actor_name(upload.undone_by),
            "at": moment(upload.undone_at),
            "page": page,
        }

    def refused_view(self, request: HttpRequest, pk: int) -> FileResponse:
        """Download the refused rows as sent, with line and reason; the access is recorded."""
        upload = self.row_of(request, pk)
        if not self.has_add_permission(request):
            raise Http404
        file = refused_path(upload)
        if not file.exists():
            raise Http404
        data = {"row": str(upload)}
        record_access(request, act=Act.DOWNLOAD, what="refused_rows", data=data)
        return FileResponse(file.open("rb"), as_attachment=True, filename=f"refused-{pk}.csv")

    @admin.display(description=gettext_lazy("number"))
    def number(self, upload: RosterUpload) -> str:
        return str(upload)

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, upload: RosterUpload) -> str:
        if upload.ended_at and upload.status != UploadStatus.UNDOING:
            return "100\u00a0%"
        progress = progress_of(progress_key(upload))
        if not progress or not progress[1]:
            return "–"
        done, total = progress
        return format_html(
            '<progress max="{}" value="{}"></progress> {}\u00a0%', total, done, 100 * done // total
        )

    @admin.display(description=gettext_lazy("created at"))
    def sent_at(self, upload: RosterUpload) -> str:
        return moment(upload.created_at)

    @admin.display(description=gettext_lazy("ended at"))
    def done_at(self, upload: RosterUpload) -> str:
        return moment(upload.ended_at)

    @admin.display(description=gettext_lazy("by"))
    def by_whom(self, upload: RosterUpload) -> str:
        return actor_name(upload.by)

    @admin.display(description=gettext_lazy("report"))
    def shown_report(self, upload: RosterUpload) -> str:
        return upload.report or "–"

    @admin.display(description=gettext_lazy("refused rows"))
    def refused_rows(self, upload: RosterUpload) -> str:
        if not refused_path(upload).exists():
            return "–"
        address = reverse("admin:roster_refused", args=[upload.pk])
        return format_html('<a href="{}">{}</a>', address, _("Download"))

    @admin.action(description=gettext_lazy("Ask a worker again"), permissions=["add"])
    def ask_again(self, request: HttpRequest, queryset: QuerySet[RosterUpload]) -> None:
        count = sum(run_again(upload=upload) for upload in queryset)
        self.message_user(request, _("Asked again: %(count)s.") % {"count": count})
