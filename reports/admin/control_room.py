"""The control room: all lines on one page, and the operator's orders, asked twice."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET
from django_stubs_ext import StrOrPromise

from reports.admin.hour import hour_of
from reports.control_forms import TEMPLATES, ActForm, UndoForm
from reports.control_room import (
    ActRow,
    Preview,
    RoomNow,
    acts_since,
    latest_acts,
    portal_minutes,
    preview,
    rooms_now,
)
from reports.parts import TITLES, states
from staff.actors import actor_of
from staff.hooks import pages
from staff.pages import page_of
from staff.services import staff_of
from staff.site import PortalSite
from waiting_room.exceptions import CantChange
from waiting_room.models import OperatorAct
from waiting_room.services.orders import (
    ChangedMeanwhile,
    Order,
    carry_out,
    orders_back,
    versions,
)

# A minute's row is written once: asking for the hour more often would show nothing new.
REFRESH_SECONDS, HOUR_REFRESH_SECONDS = 5, 60
# "12:345 13:0": the acts that a page showed as the last ones, by room.
_SEEN = re.compile(r"(\d{1,18}):(\d{1,18})")


class ControlRoomPages:
    """Pages below /admin/control/."""

    def __init__(self, site: PortalSite) -> None:
        self.site = site

    def routes(self) -> list[URLPattern]:
        view = self.site.admin_view
        return [
            path("control/", view(require_GET(self.room)), name="control"),
            path("control/now/", view(require_GET(self.now)), name="control_now"),
            path("control/parts/", view(require_GET(self.parts)), name="control_parts"),
            path("control/hour/", view(require_GET(self.hour)), name="control_hour"),
            path("control/act/", view(self.act), name="control_act"),
            path("control/undo/<int:step>/", view(self.undo), name="control_undo"),
        ]

    def room(self, request: HttpRequest) -> HttpResponse:
        _check(request, "view")
        rooms = rooms_now()
        # As a room's own page leads here. An unknown one chooses nothing.
        chosen = request.GET.getlist("room")
        form = ActForm(rooms=rooms, initial={"rooms": chosen} if chosen else None)
        return self._room(request, rooms=rooms, form=form)

    def now(self, request: HttpRequest) -> HttpResponse:
        """The parts that the page's script replaces every few seconds."""
        _check(request, "view")
        return TemplateResponse(
            request, "admin/reports/control/now.html", _facts(request, rooms_now())
        )

    def parts(self, request: HttpRequest) -> HttpResponse:
        """The state of the portal's parts: a part of the page, and a page without script."""
        _check(request, "view")
        context = {"parts": _parts()}
        if request.GET.get("part"):
            template = "admin/reports/control/components/parts.html"
            return TemplateResponse(request, template, context)
        title = _("Parts of the portal")
        return self._page(request, "admin/reports/control/parts_page.html", title, **context)

    def hour(self, request: HttpRequest) -> HttpResponse:
        """The last hour minute by minute: a part of the page, and a page without script."""
        _check(request, "view")
        context = {"hour": hour_of(rooms_now(), portal_minutes())}
        if request.GET.get("part"):
            return TemplateResponse(request, "admin/reports/control/hour.html", context)
        title = _("The last hour")
        return self._page(request, "admin/reports/control/hour_page.html", title, **context)

    def act(self, request: HttpRequest) -> HttpResponse:
        """An order: first what it would do, then, confirmed, done."""
        _check(request, "change")
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:control"))
        rooms = rooms_now()
        form = ActForm(request.POST, rooms=rooms)
        if not form.is_valid():
            return self._room(request, rooms=rooms, form=form, status=422)
        return self._order(request, rooms, form.orders, form.cleaned_data["reason"], form.carried())

    def undo(self, request: HttpRequest, step: int) -> HttpResponse:
        """Take back an act with those done together with it, as far as they are the last ones."""
        _check(request, "change")
        act = get_object_or_404(OperatorAct.objects.select_related("step"), pk=step)
        try:
            orders, undoes = orders_back(act)
        except CantChange as refusal:
            return _refused(request, refusal)
        form = UndoForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            return self._order(request, rooms_now(), orders, reason, [], form=form, undoes=undoes)
        return self._ask(request, orders, [], form=form, status=422 if form.errors else 200)

    def _order(
        self,
        request: HttpRequest,
        rooms: list[RoomNow],
        orders: Mapping[int, Order],
        reason: str,
        carried: list[tuple[str, str]],
        *,
        form: Form | None = None,
        undoes: Mapping[int, int] | None = None,
    ) -> HttpResponse:
        """Carry the order out if it was confirmed, else ask."""
        ask = partial(self._ask, request, orders, carried, form=form)
        shown_versions = _shown_versions(request)
        touches = [shown for shown in rooms if shown.room.pk in orders and shown.is_running]
        if not shown_versions:
            return ask()
        if touches and request.POST.get("sure") != "yes":
            return ask(problem=_("Tick the box: people are waiting in these rooms."), status=422)
        by = actor_of(staff_of(request))
        try:
            carry_out(
                orders=orders, shown_versions=shown_versions, by=by, reason=reason, undoes=undoes
            )
        except ChangedMeanwhile as refusal:
            meanwhile = acts_since(shown_versions, refusal.room_ids)
            return ask(problem=str(refusal), meanwhile=meanwhile, status=409)
        except CantChange as refusal:
            return _refused(request, refusal)
        done = ngettext("Done in %(count)s room.", "Done in %(count)s rooms.", len(orders))
        follows = _("The line follows with the next tick.")
        messages.success(request, f"{done % {'count': len(orders)}} {follows}")
        return HttpResponseRedirect(reverse("admin:control"))

    def _ask(
        self,
        request: HttpRequest,
        orders: Mapping[int, Order],
        carried: list[tuple[str, str]],
        *,
        form: Form | None = None,
        problem: str = "",
        meanwhile: list[ActRow] | None = None,
        status: int = 200,
    ) -> HttpResponse:
        """The page that shows what the order does, to be confirmed there."""
        # Before the rooms: an act between the two then counts as one since the page was made.
        current = versions(list(orders))
        previews = [
            preview(shown, orders[shown.room.pk])
            for shown in rooms_now()
            if shown.room.pk in orders
        ]
        return self._page(
            request,
            "admin/reports/control/confirm.html",
            _("Confirm"),
            crumbs=[(_("Control room"), reverse("admin:control"))],
            status=status,
            previews=previews,
            waiting=sum(row.shown.load.waiting for row in previews if row.shown.is_running),
            is_running=any(row.shown.is_running for row in previews),
            has_forecast=any(row.then for row in previews),
            is_change=any(row.is_change for row in previews),
            carried=carried,
            seen=" ".join(f"{room_id}:{step}" for room_id, step in current.items()),
            form=form,
            problem=problem,
            meanwhile=meanwhile or [],
            lead=_lead(previews, orders),
        )

    def _room(
        self,
        request: HttpRequest,
        *,
        rooms: list[RoomNow],
        form: ActForm,
        status: int = 200,
    ) -> HttpResponse:
        return self._page(
            request,
            "admin/reports/control/room.html",
            _("Control room"),
            status=status,
            form=form,
            templates=TEMPLATES,
            refresh=REFRESH_SECONDS,
            hour_refresh=HOUR_REFRESH_SECONDS,
            **_facts(request, rooms),
        )

    def _page(
        self, request: HttpRequest, template: str, title: str, **context: Any
    ) -> TemplateResponse:
        return page_of(self.site, request, template, title, **context)


def _check(request: HttpRequest, right: str) -> None:
    if not staff_of(request).has_perm(f"reports.{right}_control"):
        raise PermissionDenied


def _refused(request: HttpRequest, refusal: CantChange) -> HttpResponse:
    messages.error(request, str(refusal))
    return HttpResponseRedirect(reverse("admin:control"))


def _shown_versions(request: HttpRequest) -> dict[int, int]:
    return {int(room): int(step) for room, step in _SEEN.findall(request.POST.get("seen", ""))}


def _facts(request: HttpRequest, rooms: list[RoomNow]) -> dict[str, Any]:
    """Context of the parts that the script replaces."""
    acts = latest_acts()
    return {
        "rooms": rooms,
        "acts": acts,
        "last_act": acts[0].act.step_id if acts else 0,
        "may_act": staff_of(request).has_perm("reports.change_control"),
    }


def _parts() -> list[tuple[StrOrPromise, StrOrPromise, bool]]:
    """Title, state in words and whether it is in order, for each part of the portal."""
    words = {
        "ok": _("in order"),
        "none": _("not running"),
        "unknown": _("unknown"),
        "unreachable": _("can't be reached"),
        "none has passed yet": _("none has passed yet"),
    }
    return [
        (TITLES[name], words.get(state, state), state == "ok") for name, state in states().items()
    ]


def _lead(previews: list[Preview], orders: Mapping[int, Order]) -> str:
    """What is about to be done, in a sentence."""
    acts = {order.act for order in orders.values()}
    leads = {
        "pause": _(
            "Nobody is called until it goes on. Joining goes on, and called people may enter."
        ),
        "resume": _("Calling goes on with the next tick."),
        "pace": _("A lower number throws nobody out: it sinks as people finish."),
    }
    return (
        " ".join(leads[act] for act in sorted(acts)) if previews else _("There is nothing to do.")
    )


def _routes(site: PortalSite) -> list[URLPattern]:
    return ControlRoomPages(site).routes()


pages.register(_routes)
