from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BookingConfig(AppConfig):
    name = "booking"
    verbose_name = _("Booking")

    def ready(self) -> None:
        # Models can be imported only now.
        from booking.lint import windows_without_slots
        from booking.purging import forget_addresses, still_booked
        from booking.services.notices import confirmed_letters, reminder_letters
        from eligibility import lint
        from eligibility.services import purging
        from messaging.services import writers

        writers.update(confirmed=confirmed_letters, reminder=reminder_letters)

        if windows_without_slots not in lint.extra_checks:
            lint.extra_checks.append(windows_without_slots)
            purging.still_needed.append(still_booked)
            purging.also_forget.append(forget_addresses)
