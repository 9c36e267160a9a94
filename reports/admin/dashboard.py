"""The dashboard for the health authority and local governments: charts, their CSV, the PDF."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from database.clock import known_now, known_today
from dataio.districts import REGIONS
from reports.charts import table_csv
from reports.dashboard import MOST_DAYS, Figures, Scope, may_see
from reports.dashboard_charts import CHARTS, charts_of, keys_of
from reports.morning import counted_words, report
from reports.selection import YEARS
from staff.hooks import pages
from staff.models import User
from staff.pages import page_of
from staff.scoping import sees_everything
from staff.services import staff_of
from staff.site import PortalSite
from web.inputs import DayInput
from web.language import used_language

DAYS = 14  # of the page without a period, today included
LATE = timedelta(minutes=20)  # after which figures are old


class ScopeForm(forms.Form):
    """The period and the region, from the address; `scope` after a valid form."""

    first = forms.DateField(label=gettext_lazy("From day"), widget=DayInput())
    last = forms.DateField(label=gettext_lazy("Until day"), widget=DayInput())
    region = forms.ChoiceField(label=gettext_lazy("Region"), required=False)

    def __init__(self, *args: Any, user: User, today: date, **values: Any) -> None:
        super().__init__(*args, **values)
        self.user, self.today = user, today
        region = self.fields["region"]
        assert isinstance(region, forms.ChoiceField)
        if sees_everything(user):
            region.choices = [("", _("The whole country")), *((name, name) for name in REGIONS)]
        else:
            # A local government has its own area only; its name may stand in the address.
            region.choices = [("", self.area), (user.region, user.region)]

    @property
    def area(self) -> str:
        return f"{self.user.region} {self.user.district}".strip()

    def _day(self, name: str) -> date:
        day: date = self.cleaned_data[name]
        if day.year not in YEARS:
            raise forms.ValidationError(_("Choose a day between the years 2000 and 2199."))
        return day

    def clean_first(self) -> date:
        return self._day("first")

    def clean_last(self) -> date:
        return self._day("last")

    def clean(self) -> None:
        super().clean()
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if not first or not last:
            return
        if first > last:
            self.add_error("last", _("The period ends before it begins."))
        elif (last - first).days >= MOST_DAYS:
            self.add_error(
                "last", _("Choose a period of %(days)s days at most.") % {"days": MOST_DAYS}
            )

    @property
    def scope(self) -> Scope:
        values, user = self.cleaned_data, self.user
        country = sees_everything(user)
        return Scope(
            region=values["region"] if country else user.region,
            district="" if country else user.district,
            first=values["first"],
            last=values["last"],
            today=self.today,
        )


class DashboardPages:
    """Pages below /admin/dashboard/, which belong to no model."""

    def __init__(self, site: PortalSite) -> None:
        self.site = site

    def routes(self) -> list[URLPattern]:
        view = self.site.admin_view
        return [
            path("dashboard/", view(self.charts), name="dashboard"),
            path("dashboard/<slug:key>.csv", view(self.table), name="dashboard_csv"),
            path("dashboard/report.pdf", view(self.pdf), name="dashboard_pdf"),
        ]

    def charts(self, request: HttpRequest) -> HttpResponse:
        form = _form(request)
        if not form.is_valid():
            return self._wrong(request, form)
        figures = Figures(form.scope)
        at = figures.counted_at
        asked = _asked(form)
        return page_of(
            self.site,
            request,
            "admin/reports/dashboard.html",
            _("Dashboard"),
            form=form,
            area=form.scope.area or _("The whole country"),
            counted=counted_words(figures),
            late=at is None or known_now() - at > LATE,
            charts=charts_of(figures, lambda key: _address("dashboard_csv", asked, key)),
            pdf=_address("dashboard_pdf", asked),
        )

    def table(self, request: HttpRequest, key: str) -> HttpResponse:
        """The table of one chart as CSV."""
        form = _form(request)
        if key not in CHARTS:
            raise Http404
        if not form.is_valid():
            return self._wrong(request, form)
        if key not in keys_of(form.scope):
            raise Http404
        chart = CHARTS[key](Figures(form.scope), "")
        return _file(table_csv(chart), "text/csv; charset=utf-8", _name(key, form, "csv"))

    def pdf(self, request: HttpRequest) -> HttpResponse:
        form = _form(request)
        if not form.is_valid():
            return self._wrong(request, form)
        content = report(form.scope, used_language())
        return _file(content, "application/pdf", _name("report", form, "pdf"))

    def _wrong(self, request: HttpRequest, form: ScopeForm) -> HttpResponse:
        return page_of(
            self.site,
            request,
            "admin/reports/dashboard.html",
            _("Dashboard"),
            status=422,
            form=form,
            area="",
            counted="",
            late=False,
            charts=[],
            pdf="",
        )


def _form(request: HttpRequest) -> ScopeForm:
    """The form of the address; raises PermissionDenied for those without a right or an area."""
    user = staff_of(request)
    if not may_see(user):
        raise PermissionDenied
    today = known_today()
    asked = {
        "first": str(today - timedelta(days=DAYS - 1)),
        "last": str(today),
        **{name: value for name, value in request.GET.items() if value},
    }
    return ScopeForm(asked, user=user, today=today)


def _asked(form: ScopeForm) -> dict[str, str]:
    names = ("first", "last", "region")
    return {name: str(form.cleaned_data[name]) for name in names if form.cleaned_data[name]}


def _address(name: str, asked: dict[str, str], *args: str) -> str:
    return f"{reverse(f'admin:{name}', args=args)}?{urlencode(asked)}"


def _name(key: str, form: ScopeForm, end: str) -> str:
    return f"{key}-{form.scope.first:%Y%m%d}-{form.scope.last:%Y%m%d}.{end}"


def _file(content: bytes, kind: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _routes(site: PortalSite) -> list[URLPattern]:
    return DashboardPages(site).routes()


pages.register(_routes)
