from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BookingConfig(AppConfig):
    name = "booking"
    verbose_name = _("Booking")

    def ready(self) -> None:
        # Models can be imported only now.
        from eligibility import lint

        from .lint import windows_without_slots

        if windows_without_slots not in lint.extra_checks:
            lint.extra_checks.append(windows_without_slots)
