from django.contrib import admin, messages
from django.utils.translation import gettext_lazy, ngettext

from messaging.enums import MessageStatus
from messaging.models import Message
from messaging.services import try_again


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    """What went out and what did not. Receiver and text are nobody's business here."""

    list_display = ["key", "kind", "channel", "status", "tries", "problem", "created_at", "sent_at"]
    list_filter = ["status", "kind", "channel", "created_at"]
    search_fields = ["key"]
    search_help_text = gettext_lazy("Key, for example confirmed:AB12CD34EF")
    ordering = ["-created_at"]
    show_full_result_count = False
    actions = ["send_again"]
    fields = readonly_fields = [
        "key",
        "kind",
        "channel",
        "status",
        "tries",
        "problem",
        "created_at",
        "not_before",
        "not_after",
        "sent_at",
    ]

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def has_retry_permission(self, request) -> bool:
        return request.user.has_perm("messaging.retry_message")

    @admin.action(description=gettext_lazy("Try again"), permissions=["retry"])
    def send_again(self, request, queryset):
        failed = list(queryset.filter(status=MessageStatus.FAILED))
        for message in failed:
            try_again(message=message)
        text = ngettext(
            "%(count)s failed message goes out again.",
            "%(count)s failed messages go out again.",
            len(failed),
        )
        messages.success(request, text % {"count": len(failed)})
