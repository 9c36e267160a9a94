"""Further pages of the admin, with the frame and breadcrumbs of its own pages."""

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from django.contrib import admin
from django.contrib.admin.helpers import AdminForm
from django.db.models import Model
from django.forms import Form, Media, ModelForm
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst

from staff.site import PortalSite

Crumb = tuple[str, str]  # text and address of a link


Row = TypeVar("Row", bound=Model)


def fieldsets_of(form: Form, fieldsets: list[Any]) -> AdminForm:
    """A plain form in the layout of the admin's model forms."""
    return AdminForm(cast("ModelForm[Any]", form), fieldsets, {})


def page_of(
    site: PortalSite,
    request: HttpRequest,
    template: str,
    title: str,
    *,
    crumbs: Sequence[Crumb] = (),
    end: str = "",
    status: int = 200,
    **context: Any,
) -> TemplateResponse:
    """Render `template` with the admin's context.

    `crumbs` are the links before this page; `end` is the last crumb, by default the title.
    """
    frame = {
        **site.each_context(request),
        "title": title,
        "subtitle": None,
        "crumbs": crumbs,
        "end": end or title,
    }
    return TemplateResponse(request, template, {**frame, **context}, status=status)


class StaffPages(admin.ModelAdmin[Row]):
    """Adds `page`, for templates that extend admin/page.html."""

    admin_site: PortalSite

    def row_of(self, request: HttpRequest, key: str | int) -> Row:
        """The row with this key, of those that the user may see; raises Http404."""
        row = self.get_object(request, str(key))
        if row is None:
            raise Http404
        return row

    def page(
        self,
        request: HttpRequest,
        template: str,
        title: str,
        *,
        crumbs: Sequence[Crumb] | None = None,
        end: str = "",
        status: int = 200,
        **context: Any,
    ) -> TemplateResponse:
        """As `page_of`; `crumbs` are by default the link to the model's list."""
        return page_of(
            self.admin_site,
            request,
            template,
            title,
            crumbs=[self.list_crumb()] if crumbs is None else crumbs,
            end=end,
            status=status,
            **{"opts": self.opts, **context},
        )

    def act_page(
        self,
        request: HttpRequest,
        title: str,
        *,
        lead: str,
        submit: str,
        form: Form | None = None,
        adminform: AdminForm | None = None,
        back: str = "",
        media: Media | str = "",
        **context: Any,
    ) -> TemplateResponse:
        """A page that asks for confirmation or input before an act; `back` is the cancel link."""
        return self.page(
            request,
            "admin/act.html",
            title,
            lead=lead,
            submit=submit,
            form=form,
            adminform=adminform or [],
            back=back,
            media=media,
            **context,
        )

    def list_crumb(self) -> Crumb:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
        return capfirst(str(self.opts.verbose_name_plural)), reverse(name)
