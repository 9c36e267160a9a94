from booking.services import (
    closure_answers,
    closure_messages,
    holds,
    line_reports,
    offers,
    reminders,
    slots,
)


def take_back_holds() -> None:
    holds.take_back_holds()


def make_offers() -> None:
    offers.make_offers()


def remind() -> None:
    reminders.remind()


def set_margins() -> None:
    slots.set_all_margins()


def report_to_lines() -> None:
    line_reports.report_to_lines()


def tell_closures() -> None:
    closure_messages.tell_due()
    closure_answers.end_choices()
