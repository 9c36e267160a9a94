"""Rooms in the admin: the plan of a line, and its live page."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from django_stubs_ext import WithAnnotations

from database.clock import AtNow, Now
from eligibility.enums import Order
from staff.actors import actor_of, user_id_of
from staff.models import User
from staff.scoping import ScopedAdmin
from staff.services import staff_of
from waiting_room.enums import Act
from waiting_room.exceptions import CantChange
from waiting_room.forms import (
    DrawPlanForm,
    GatheringForm,
    OfficerForm,
    SecretForm,
    StatedForm,
    WitnessPlanForm,
)
from waiting_room.models import Room, Step
from waiting_room.now_document import state_of
from waiting_room.public_log import from_microseconds
from waiting_room.reasons import limits_text, sentences
from waiting_room.services import drawing, rooms
from waiting_room.services.drawing import awaits_draw
from waiting_room.services.witnessed import Standing, how_witnesses_stand

ACTS_SHOWN, CALLS_SHOWN = 40, 15
# Of every second or minute: they would leave no room for the operators' acts.
FREQUENT_ACTS = [Act.CALL, Act.COUNT, Act.ESTIMATE]
REFRESH_SECONDS = 5


@admin.register(Room)
class RoomAdmin(ScopedAdmin[Room]):
    """Lists lines for the operator; a room's page is live, with a button for each service."""

    list_display = [
        "cohort",
        "state",
        "opens_at",
        "waiting",
        "serving",
        "inside",
        "pace",
        "last_tick",
    ]
    list_select_related = ["cohort", "line", "board"]
    search_fields = ["cohort__code", "cohort__name_ko", "cohort__name_en"]
    ordering = ["cohort__opens_at", "pk"]
    list_filter = ["status", "cohort__order"]
    # The buttons of the live page write; a form of Django's would write any field.
    fields = readonly_fields = (
        "cohort",
        "status",
        "joins_from",
        "max_active",
        "max_per_minute",
        "pause_message_ko",
        "pause_message_en",
        "draw_source",
        "draw_after",
        "draw_statement",
        "public_value",
        "quorum",
        "witness_minutes",
    )

    def get_queryset(self, request: HttpRequest) -> "QuerySet[WithAnnotations[Room, AtNow]]":
        rows = super().get_queryset(request).select_related("cohort", "line", "board")
        return rows.annotate(now=Now())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # the tick creates a room for each cohort

    @admin.display(description=gettext_lazy("state"))
    def state(self, room: "WithAnnotations[Room, AtNow]") -> str:
        return str(state_of(room, room.now).label)

    @admin.display(description=gettext_lazy("opens at"), ordering="cohort__opens_at")
    def opens_at(self, room: Room) -> str:
        return f"{timezone.localtime(room.cohort.opens_at):%Y-%m-%d %H:%M}"

    @admin.display(description=gettext_lazy("waiting"))
    def waiting(self, room: Room) -> str:
        return f"{_waiting(room):,}"

    @admin.display(description=gettext_lazy("called up to"))
    def serving(self, room: Room) -> str:
        return f"{room.line.serving:,}"

    @admin.display(description=gettext_lazy("inside"))
    def inside(self, room: Room) -> str:
        return f"{room.line.active:,} / {room.max_active:,}"

    @admin.display(description=gettext_lazy("called per minute"))
    def pace(self, room: Room) -> str:
        return f"{room.board.document.get('per_minute', 0):,} / {room.max_per_minute:,}"

    @admin.display(description=gettext_lazy("last tick"))
    def last_tick(self, room: "WithAnnotations[Room, AtNow]") -> str:
        if room.line.ticked_at is None:
            return "–"
        seconds: float = (room.now - room.line.ticked_at).total_seconds()
        return _("%d s ago") % seconds

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        acts = {"close": self.close, "set-gathering": self.set_gathering}
        acts |= {"set-draw": self.set_draw, "add-officer": self.add_officer}
        acts |= {"set-witnesses": self.set_witnesses}
        acts |= {"open-secret": self.open_secret, "state-value": self.state_value}
        return [
            *(
                path(f"<int:pk>/{name}/", view(require_POST(act)), name=f"waiting_room_room_{name}")
                for name, act in acts.items()
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The room's live page instead of a form of fields: each change is an act of its own."""
        room = self.get_object(request, object_id)
        if room is None:
            # A method of Django that the type stubs lack.
            answer: HttpResponse = self._get_obj_does_not_exist_redirect(  # type: ignore[attr-defined]
                request, self.opts, object_id
            )
            return answer
        if not self.has_view_permission(request, room):
            raise PermissionDenied
        return self._live_page(request, cast("WithAnnotations[Room, AtNow]", room))

    def _live_page(
        self,
        request: HttpRequest,
        room: "WithAnnotations[Room, AtNow]",
        status: int = 200,
        **forms: Any,
    ) -> HttpResponse:
        witnesses = how_witnesses_stand(room)
        return self.page(
            request,
            "admin/waiting_room/room/live.html",
            str(room),
            status=status,
            room=room,
            original=room,
            state=state_of(room, room.now),
            waiting=_waiting(room),
            document=room.board.document,
            reasons=sentences(room.board.reasons),
            last_tick=self.last_tick(room),
            may_change=self.has_change_permission(request, room),
            over=room.has_ended(room.now),
            refresh=REFRESH_SECONDS if request.GET.get("live") else 0,
            acts=_acts(room),
            calls=_calls(room),
            **_open_acts(room, witnesses),
            witnesses=witnesses,
            witness_rule=_witness_rule(room, witnesses),
            **(self._forms(room) | forms),
        )

    def _forms(self, room: Room) -> dict[str, Form]:
        return {
            "gathering_form": GatheringForm(
                initial={"joins_from": timezone.localtime(room.joins_from)}
            ),
            "draw_form": DrawPlanForm(
                initial={"source": room.draw_source, "statement": room.draw_statement}
            ),
            "witness_form": WitnessPlanForm(
                initial={"quorum": room.quorum, "minutes": room.witness_minutes}
            ),
            "officer_form": OfficerForm(),
            "secret_form": SecretForm(),
            "stated_form": StatedForm(),
        }

    def _act(
        self, request: HttpRequest, pk: int, service: Callable[..., Any], **values: Any
    ) -> HttpResponse:
        """Call `service` on the room and return to its page, with the refusal if there is one."""
        room = self._changeable(request, pk)
        try:
            service(room=room, by=actor_of(staff_of(request)), **values)
        except CantChange as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Done. The line follows with the next tick."))
        return HttpResponseRedirect(reverse("admin:waiting_room_room_change", args=[pk]))

    def _changeable(self, request: HttpRequest, pk: int) -> "WithAnnotations[Room, AtNow]":
        room = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_change_permission(request, room):
            raise PermissionDenied
        return room

    def _act_by_form(
        self, request: HttpRequest, pk: int, form: Form, name: str, service: Callable[..., Any]
    ) -> HttpResponse:
        """Call `service` with the form's values; the page again with its errors if invalid."""
        if not form.is_valid():
            return self._live_page(request, self._changeable(request, pk), 422, **{name: form})
        return self._act(request, pk, service, **form.cleaned_data)

    def close(self, request: HttpRequest, pk: int) -> HttpResponse:
        self._changeable(request, pk)
        if request.POST.get("sure") != "yes":
            messages.error(request, _("Tick the box first: a closed line can't be opened again."))
            return HttpResponseRedirect(reverse("admin:waiting_room_room_change", args=[pk]))
        return self._act(request, pk, rooms.close_room)

    def set_gathering(self, request: HttpRequest, pk: int) -> HttpResponse:
        def prepare(*, room: Room, by: str, joins_from: datetime) -> None:
            # The browser's field has no seconds: an unchanged value must not cut them off.
            if joins_from != room.joins_from.replace(second=0, microsecond=0):
                rooms.set_joins_from(room=room, at=joins_from, by=by)

        form = GatheringForm(request.POST)
        return self._act_by_form(request, pk, form, "gathering_form", prepare)

    def set_draw(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = DrawPlanForm(request.POST)
        return self._act_by_form(request, pk, form, "draw_form", rooms.set_draw_plan)

    def set_witnesses(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = WitnessPlanForm(request.POST)
        return self._act_by_form(request, pk, form, "witness_form", rooms.set_witness_plan)

    def add_officer(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = OfficerForm(request.POST)
        return self._act_by_form(request, pk, form, "officer_form", rooms.add_officer)

    def open_secret(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = SecretForm(request.POST)
        return self._act_by_form(request, pk, form, "secret_form", drawing.open_secret)

    def state_value(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = StatedForm(request.POST)
        return self._act_by_form(request, pk, form, "stated_form", drawing.state_value)


def _open_acts(room: "WithAnnotations[Room, AtNow]", witnesses: list[Standing]) -> dict[str, Any]:
    """Which acts on the plan of the line, and on its draw, are possible now."""
    plan_is_open = room.now < room.joinable_from
    is_drawn = room.cohort.order == Order.DRAW
    return {
        "may_set_gathering": not room.frozen_at,
        "may_set_witnesses": bool(witnesses) and plan_is_open,
        "may_plan_draw": is_drawn and plan_is_open,
        "may_hold_draw": is_drawn and awaits_draw(room),
    }


def _witness_rule(room: Room, witnesses: list[Standing]) -> str:
    if not witnesses:
        return _("No witness is set up: nobody else cosigns this log.")
    if not room.quorum:
        return _("The line does not wait for its witnesses.")
    return _(
        "%(needed)s before the first person is called. After %(minutes)s minutes the line goes on "
        "without them. Nobody can shorten the wait."
    ) % {"needed": room.quorum, "minutes": room.witness_minutes}


def _waiting(room: Room) -> int:
    issued: int = room.board.document.get("issued", 0)
    return max(0, issued - room.line.serving)


class ActRow(NamedTuple):
    """An act on the live page; the template reads these names."""

    step: Step
    in_short: str
    actor: str


def _acts(room: Room) -> list[ActRow]:
    """The latest acts but for the frequent ones, newest first, with their users' names."""
    acts = list(room.steps.exclude(act__in=FREQUENT_ACTS).order_by("-pk")[:ACTS_SHOWN])
    users = User.objects.in_bulk(filter(None, (user_id_of(step.by) for step in acts)))
    return [
        ActRow(step, _details_text(step), user.username if user else step.by)
        for step in acts
        for user in [users.get(user_id_of(step.by))]
    ]


def _details_text(step: Step) -> str:
    details: dict[str, Any] = step.details
    if step.act == Act.PACE:
        return limits_text(details["max_active"], details["max_per_minute"])
    if step.act == Act.PAUSE:
        return " / ".join(text for text in (details["ko"], details["en"]) if text)
    if step.act == Act.PLAN:
        opens_at = from_microseconds(details["opens_at"])
        return f"{timezone.localtime(opens_at):%Y-%m-%d %H:%M}, {Order(details['order']).label}"
    if step.act == Act.FREEZE:
        return _("%(count)s entries") % details
    if step.act == Act.TOTALS:
        return _("%(called)s called, %(entered)s entered, %(per_minute)s a minute") % details
    if step.act in (Act.WITNESSED, Act.UNWITNESSED):
        return ", ".join(line.split(" ")[2] for line in details["cosignatures"].split("\n") if line)
    return ""


def _calls(room: Room) -> list[Step]:
    return list(room.steps.filter(act=Act.CALL).order_by("-pk")[:CALLS_SHOWN])
