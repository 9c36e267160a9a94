from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

# By kind of message: what it is about.
_MESSAGES = {
    "confirmed": _("appointment booked"),
    "changed": _("appointment moved"),
    "cancelled": _("appointment cancelled"),
    "restored": _("appointment stands again"),
    "reminder": _("reminder of the day before"),
    "offer": _("offer from the cancellation list"),
    "closed": _("hours closed by the clinic"),
}


class BookingConfig(AppConfig):
    name = "booking"
    verbose_name = _("Booking")

    def ready(self) -> None:
        # Imported here because models are loaded only by now.
        from booking.events import SOURCE
        from booking.held_data import held_data
        from booking.hooks import row_signs
        from booking.imports.clinics import ClinicKind
        from booking.imports.doses import DoseKind
        from booking.imports.hours import HoursKind
        from booking.imports.slots import SlotKind
        from booking.landing import day_of_clinic
        from booking.lint import windows_without_slots
        from booking.purging import forget_addresses, still_booked, with_bookings
        from booking.services.closure_messages import render_closed
        from booking.services.notices import render_confirmed, render_reminders
        from booking.services.standings import facts_of
        from booking.services.wishes import forget_old_wishes, forget_wishes, signs_of_needs
        from booking.wordings import WORDINGS
        from bulk import kinds
        from eligibility import hooks
        from events.sources import register
        from messaging.hooks import names, renderers
        from messaging.wordings import register as register_wordings
        from staff.hooks import landing_pages
        from standing.hooks import gather

        register_wordings(WORDINGS)
        register(SOURCE)
        for kind in (ClinicKind, SlotKind, HoursKind, DoseKind):
            kinds.register(kind)
        names.update(_MESSAGES)
        renderers.register("confirmed", render_confirmed)
        renderers.register("reminder", render_reminders)
        renderers.register("closed", render_closed)
        landing_pages.register(day_of_clinic)
        gather.register("person", facts_of)
        hooks.lint_checks.register(windows_without_slots)
        hooks.still_needed.register(still_booked)
        hooks.also_forget.register(forget_addresses)
        hooks.also_forget.register(forget_wishes)
        hooks.also_purge.register(forget_old_wishes)
        hooks.held_data.register(held_data)
        row_signs.register(signs_of_needs)
        hooks.holders.register(with_bookings)
