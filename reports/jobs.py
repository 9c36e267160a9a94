import os

from rq import get_current_job

from reports import (
    evening,
    figures,
    files,
    minutes,
    morning_mail,
    open_data,
    schedules,
    scheduling_links,
)

NICE = 10


def give_way() -> None:
    """Let people who book go first where the cores are few: for the process of a job, which ends
    with it, and those that it starts."""
    if get_current_job() is not None:
        os.nice(NICE)


def make_file(file_id: int) -> None:
    give_way()
    files.make_file(file_id)


def record_minutes() -> None:
    minutes.record_minutes()


def make_reports() -> None:
    evening.make_due_reports()


def continue_files() -> None:
    give_way()
    schedules.start_due()
    files.continue_files()
    schedules.alarm()


def send_mornings() -> None:
    morning_mail.write_due()


def publish_numbers() -> None:
    open_data.publish_numbers()


def publish_slots() -> None:
    scheduling_links.publish()


def recount_figures() -> None:
    give_way()
    figures.recount()
