"""Schedules: a file each day, tried again until it is delivered, an alarm when it is late."""

import logging
from datetime import date, datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from database.clock import Now, database_now
from reports import morning
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
            "version": _version(schedule.export),
            "options": {**schedule.options, **days},
            "reason": schedule.reason,
            "storage": f"export-{schedule.target}",
            "path": _path(schedule, day),
        },
    )
    if is_new:
        transaction.on_commit(partial(enqueue, file.pk))
    return is_new


def _version(export: str) -> int:
    return morning.VERSION if export == morning.NAME else EXPORTS[export].version


def _path(schedule: ExportSchedule, day: date) -> str:
    packing = schedule.options.get("packing", "csv")
    return f"{schedule.name}/{schedule.export}-{day:%Y%m%d}.{packing}"


def is_late(schedule: ExportSchedule, day: date, now: datetime) -> bool:
    """Whether the file of a day should have been delivered by now."""
    return now >= due_at(schedule, day) + timedelta(minutes=schedule.late_after)


def late_files(now: datetime) -> list[tuple[ExportSchedule, date]]:
    """Schedules and days of the last week whose file is late, also if no worker has begun it."""
    schedules = list(ExportSchedule.objects.filter(active=True).order_by("pk"))
    days = [timezone.localtime(now).date() - timedelta(days=back) for back in range(MOST_MISSED)]
    # A cancelled file was given up on purpose.
    settled = ExportFile.objects.filter(schedule__in=schedules, day__in=days).exclude(
        status__in=[FileStatus.WAITING, FileStatus.RUNNING, FileStatus.FAILED]
    )
    delivered = set(settled.values_list("schedule", "day"))
    return [
        (schedule, day)
        for schedule in schedules
        for day in days
        if schedule.made_at <= due_at(schedule, day)
        and is_late(schedule, day, now)
        and (schedule.pk, day) not in delivered
    ]


def alarm() -> list[ExportFile]:
    """Report the files that are late, each once; returns them."""
    late, now = [], database_now()
    open_files = ExportFile.objects.filter(schedule__isnull=False, alarmed_at=None)
    for file in open_files.exclude(status=FileStatus.DONE).select_related("schedule"):
        schedule, day = file.schedule, file.day
        assert schedule is not None
        assert day is not None
        if not is_late(schedule, day, now):
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
