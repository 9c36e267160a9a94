"""Admin of messages: states and problems, without receivers and texts."""

from operator import itemgetter
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy, ngettext

from messaging import budget, gateways
from messaging.enums import MessageStatus
from messaging.hooks import name_of, names
from messaging.models import Message
from messaging.services import try_again
from web.careful_admin import CarefulMixin
from web.paging import CappedPaginator


class KindFilter(admin.SimpleListFilter):
    """By the kinds that the apps know: Django's own reads them out of all messages."""

    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(((kind, name_of(kind)) for kind in names), key=itemgetter(1))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Message)
class MessageAdmin(CarefulMixin[Message], admin.ModelAdmin[Message]):
    """Messages by state. Receiver, text, person and key (which names a reservation) stay hidden."""

    list_display = [
        "number",
        "about",
        "channel",
        "status",
        "tries",
        "problem",
        "created_at",
        "sent_at",
        "receipt",
    ]
    list_filter = ["status", "receipt", KindFilter, "channel", "created_at"]
    ordering = ["-pk"]  # as they were written, by an index
    show_full_result_count = False
    paginator = CappedPaginator
    actions = ["send_again"]
    readonly_fields = [
        "number",
        "about",
        "channel",
        "status",
        "tries",
        "problem",
        "created_at",
        "not_before",
        "not_after",
        "sent_at",
        "gateway",
        "receipt",
        "receipt_at",
        "receipt_reason",
    ]
    fields = [*readonly_fields]

    @admin.display(description=gettext_lazy("number"), ordering="pk")
    def number(self, message: Message) -> str:
        return str(message)

    @admin.display(description=gettext_lazy("kind"))
    def about(self, message: Message) -> str:
        return name_of(message.kind)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "GET":
            self._warn_of_gateways(request)
        spent = budget.usage_by_kind()
        for kind in spent:
            if kind.over and request.method == "GET":
                text = gettext(
                    "Messages of kind %(kind)s are above their budget: %(hour)s in the last hour, "
                    "%(day)s in the last day, at a cost of %(cost)s. New codes ask for work first."
                ) % {
                    "kind": kind.kind,
                    "hour": f"{kind.last_hour:,}",
                    "day": f"{kind.last_day:,}",
                    "cost": f"{kind.cost:,.0f}",
                }
                messages.error(request, text)
        return super().changelist_view(request, {**(extra_context or {}), "spent": spent})

    def _warn_of_gateways(self, request: HttpRequest) -> None:
        for row in gateways.out_of_order():
            text = gettext(
                "Gateway %(name)s takes no messages since %(time)s. They go by the next gateway of "
                "their channel, or wait until one takes them; nothing is lost."
            ) % {"name": row.name, "time": f"{timezone.localtime(row.since):%H:%M}"}
            messages.error(request, text)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # By default filters on any column are allowed: a person, or a key letter by letter.
        return lookup.partition("__")[0] in ("status", "receipt", "kind", "channel", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        return False

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.retry_message")

    @admin.action(description=gettext_lazy("Try again"), permissions=["retry"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        failed = list(queryset.filter(status=MessageStatus.FAILED))
        for message in failed:
            try_again(message=message)
        text = ngettext(
            "%(count)s failed message goes out again.",
            "%(count)s failed messages go out again.",
            len(failed),
        )
        messages.success(request, text % {"count": len(failed)})
