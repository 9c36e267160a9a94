"""Admin of the questions before a vaccination: versions are made, previewed and published."""

from typing import Any, TypedDict

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from django_stubs_ext import WithAnnotations

from booking.exceptions import Refused
from eligibility.admin.people import moment
from staff.actors import actor_of
from staff.names import actor_name
from staff.scoping import ScopedAdmin
from staff.services import staff_of
from vaccination.admin.question_forms import ItemFormSet, TitleForm, content_from, initial_of
from vaccination.models import Questionnaire
from vaccination.questionnaire import BadQuestionnaire, answered, read_content
from vaccination.services.questionnaire_versions import (
    digest_of,
    open_draft,
    publish_questions,
    save_questions,
)
from web.posted import form_data


class AgeAnnotations(TypedDict):
    is_former: bool  # a newer version was published


@admin.register(Questionnaire)
class QuestionnaireAdmin(ScopedAdmin[Questionnaire]):
    """Rows as they are; a version is edited and published on pages of its own."""

    list_display = ["version", "state", "published", "by_whom"]
    ordering = ["-version"]
    sortable_by = ()
    fields = readonly_fields = ("version", "state", "published", "by_whom")
    change_form_template = "admin/vaccination/questionnaire/change_form.html"

    # Rows of all: they are about no person and no clinic.
    def has_change_permission(self, request: HttpRequest, obj: Questionnaire | None = None) -> bool:
        return False

    def has_edit_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("vaccination.change_questionnaire")

    def get_queryset(
        self, request: HttpRequest
    ) -> "QuerySet[WithAnnotations[Questionnaire, AgeAnnotations]]":
        newer = Questionnaire.objects.filter(version__gt=OuterRef("version"))
        rows = super().get_queryset(request)
        return rows.annotate(is_former=Exists(newer.exclude(published_at=None)))

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: "WithAnnotations[Questionnaire, AgeAnnotations]") -> str:
        if row.published_at is None:
            return _("Draft")
        return _("Former version") if row.is_former else _("Asked now")

    @admin.display(description=gettext_lazy("published at"))
    def published(self, row: Questionnaire) -> str:
        return moment(row.published_at) if row.published_at else "–"

    @admin.display(description=gettext_lazy("by"))
    def by_whom(self, row: Questionnaire) -> str:
        return actor_name(row.by)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "vaccination_questionnaire_"
        publish = require_POST(self.publish_view)
        return [
            path("<int:pk>/edit/", view(self.edit_view), name=f"{name}edit"),
            path("<int:pk>/publish/", view(publish), name=f"{name}publish"),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Begin the next version with the questions that are asked now; POST makes the draft."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            draft = open_draft(by=actor_of(staff_of(request)))
            return HttpResponseRedirect(_address("edit", draft))
        return self.act_page(
            request,
            _("New version of the questions"),
            lead=_(
                "It begins with the questions that are asked now. Nobody is asked the new ones "
                "before you publish them."
            ),
            submit=_("Begin a new version"),
            back=self.list_crumb()[1],
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A version with its preview in both languages."""
        # The page names the content that it shows; only that is published.
        row = self.get_object(request, object_id) if object_id else None
        shown = _preview_of(row) if row else {}
        if row:
            may_edit = self.has_edit_permission(request) and row.published_at is None
            shown |= {"may_edit": may_edit, "digest": digest_of(row)}
        return super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), **shown}
        )

    def edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        draft = self._own(request, pk)
        if draft.published_at is not None:
            return HttpResponseRedirect(_address("change", draft))
        head_values, item_values = initial_of(draft.content)
        data = form_data(request)
        head = TitleForm(data, initial=head_values)
        items = ItemFormSet(data, initial=item_values, prefix="items")
        problems: list[str] = []
        # Both are checked, so that one page shows all errors.
        if data is not None and head.is_valid() & items.is_valid():
            saved = self._save(request, draft, head, items, problems)
            if saved:
                return saved
        is_wrong = bool(problems or head.errors or items.total_error_count())
        return self.page(
            request,
            "admin/vaccination/questionnaire/edit.html",
            _("Questions, version %(version)s") % {"version": draft.version},
            crumbs=[self.list_crumb(), (str(draft), _address("change", draft))],
            end=_("Edit"),
            status=422 if is_wrong else 200,
            head=head,
            items=items,
            problems=problems,
            is_wrong=is_wrong,
            digest=request.POST.get("digest") or digest_of(draft),
            back=_address("change", draft),
        )

    def _save(
        self,
        request: HttpRequest,
        draft: Questionnaire,
        head: TitleForm,
        items: Any,
        problems: list[str],
    ) -> HttpResponse | None:
        """Store the forms; None with `problems` where they can't be."""
        # Removed ones, and the empty form for a new question, are left out.
        rows = [
            form.cleaned_data
            for form in items
            if form.cleaned_data.get("text_ko") and not form.cleaned_data.get("DELETE")
        ]
        try:
            save_questions(
                questionnaire=draft,
                content=content_from(head.cleaned_data, rows, draft.content),
                digest_shown=request.POST.get("digest", ""),
                by=actor_of(staff_of(request)),
            )
        except BadQuestionnaire as bad:
            problems += bad.problems
            return None
        except Refused as refusal:
            problems.append(str(refusal))
            return None
        messages.success(request, _("Saved. Look at the preview, then publish it."))
        return HttpResponseRedirect(_address("change", draft))

    def publish_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        draft = self._own(request, pk)
        try:
            publish_questions(
                questionnaire=draft,
                digest_shown=request.POST.get("digest", ""),
                by=actor_of(staff_of(request)),
            )
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            text = _("Version %(version)s is asked from now on.") % {"version": draft.version}
            messages.success(request, text)
        return HttpResponseRedirect(_address("change", draft))

    def _own(self, request: HttpRequest, pk: int) -> Questionnaire:
        if not self.has_edit_permission(request):
            raise PermissionDenied
        return get_object_or_404(self.get_queryset(request), pk=pk)


def _address(page: str, row: Questionnaire) -> str:
    return reverse(f"admin:vaccination_questionnaire_{page}", args=[row.pk])


def _preview_of(row: Questionnaire) -> dict[str, Any]:
    content = read_content(row.content)
    flags = [
        f"{number}. {item.text}: "
        + ", ".join(str(option.text) for option in item.options if option.id in item.doctor)
        for number, item in enumerate(content.items, start=1)
        if item.doctor
    ]
    return {"content": content, "rows": answered(content.items, {}), "flags": flags}
