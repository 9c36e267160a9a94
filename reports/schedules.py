"""Schedules: a file each day, tried again until it is delivered, an alarm when it is late."""

import logging
from datetime import date, datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from database.clock import Now, database_now
from reports.definitions import EXPORTS
from reports.enums import FileStatus, Period
from reports.files import enqueue
from reports.models import ExportFile, ExportSchedule

log = logging.getLogger(__name__)

MOST_MISSED = 7  # days that are made up for after a standstill


def days_of(period: str, on: date) -> tuple[date | None, date | None]:
    """First and last day of the period of a file made on a day."""
    return {
        Period.YESTERDAY: (on - timedelta(days=1), on - timedelta(days=1)),
        Period.WEEK: (on - timedelta(days=7), on - timedelta(days=1)),
        Period.TODAY: (on, on),
        Period.TOMORROW: (on + timedelta(days=1), on + timedelta(days=1)),
        Period.ALL: (None, None),
    }[Period(period)]


def start_due() -> int:
    """Order the files of all schedules whose time has come; returns how many are new.

    A day has one file of a schedule, however many workers run this.
    """
    now = database_now()
    started = 0
    for schedule in ExportSchedule.objects.filter(active=True).order_by("pk"):
        for day in _due_days(schedule, now):
            started += _start(schedule, day)
    return started


def _due_days(schedule: ExportSchedule, now: datetime) -> list[date]:
    """Days whose time has come since the schedule was made, without those that have a file."""
    today = timezone.localtime(now).date()
    days = [today - timedelta(days=back) for back in reversed(range(MOST_MISSED))]
    done = set(schedule.files.filter(day__gte=days[0]).values_list("day", flat=True))
    return [
        day for day in days if day not in done and schedule.made_at <= due_at(schedule, day) <= now
    ]


def due_at(schedule: ExportSchedule, day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, schedule.at))


@transaction.atomic
def _start(schedule: ExportSchedule, day: date) -> bool:
    first, last = days_of(schedule.period, day)
    days = {"first": first and first.isoformat(), "last": last and last.isoformat()}
    file, is_new = ExportFile.objects.get_or_create(
        schedule=schedule,
        day=day,
        defaults={
            "export": schedule.export,
            "version": EXPORTS[schedule.export].version,
            "options": {**schedule.options, **days},
            "reason": schedule.reason,
            "storage": f"export-{schedule.target}",
            "path": _path(schedule, day),
        },
    )
    if is_new:
        transaction.on_commit(partial(enqueue, file.pk))
    return is_new


def _path(schedule: ExportSchedule, day: date) -> str:
    packing = schedule.options.get("packing", "csv")
    return f"{schedule.name}/{schedule.export}-{day:%Y%m%d}.{packing}"


def alarm() -> list[ExportFile]:
    """Report the files that are late, each once; returns them."""
    late, now = [], database_now()
    open_files = ExportFile.objects.filter(schedule__isnull=False, alarmed_at=None)
    for file in open_files.exclude(status=FileStatus.DONE).select_related("schedule"):
        schedule, day = file.schedule, file.day
        assert schedule is not None
        assert day is not None
        if now < due_at(schedule, day) + timedelta(minutes=schedule.late_after):
            continue
        ExportFile.objects.filter(pk=file.pk).update(alarmed_at=Now())
        log.error(
            "the file of schedule %s for %s is late: %s",
            schedule.name,
            day,
            file.problem or file.status,
        )
        late.append(file)
    return late
