from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class VaccinationConfig(AppConfig):
    name = "vaccination"
    verbose_name = _("Vaccination")

    def ready(self) -> None:
        # Imported here because models are loaded only by now.
        from booking import hooks
        from eligibility import hooks as people_hooks
        from events import sources
        from messaging.hooks import names
        from messaging.wordings import register as register_wordings
        from vaccination.events import SOURCE
        from vaccination.held_data import held_data
        from vaccination.jobs import destroy_old_answers
        from vaccination.links import doctor_signs, receipt_links, reminder_line, staff_links
        from vaccination.services.doses import record_mark
        from vaccination.services.questionnaires import forget_answers
        from vaccination.wordings import WORDINGS

        register_wordings(WORDINGS)
        hooks.after_mark.register(record_mark)
        hooks.staff_links.register(staff_links)
        hooks.row_signs.register(doctor_signs)
        hooks.receipt_links.register(receipt_links)
        hooks.reminder_lines.register(reminder_line)
        people_hooks.held_data.register(held_data)
        people_hooks.also_purge.register(destroy_old_answers)
        people_hooks.also_forget.register(forget_answers)
        sources.register(SOURCE)
        names["recall"] = _("recall of a lot")
