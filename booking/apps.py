from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BookingConfig(AppConfig):
    name = "booking"
    verbose_name = _("Booking")

    def ready(self) -> None:
        # Imported here because models are loaded only by now.
        from booking.lint import windows_without_slots
        from booking.purging import forget_addresses, still_booked
        from booking.services.notices import render_confirmed, render_reminders
        from eligibility import hooks
        from messaging.hooks import renderers

        renderers.register("confirmed", render_confirmed)
        renderers.register("reminder", render_reminders)
        hooks.lint_checks.register(windows_without_slots)
        hooks.still_needed.register(still_booked)
        hooks.also_forget.register(forget_addresses)
