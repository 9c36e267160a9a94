"""The state of each part of the portal: one rule for /readyz and the control room."""

from collections.abc import Callable

from django.core.cache import caches
from django.db import DatabaseError, connection
from django.utils.translation import gettext_lazy as _
from redis import RedisError

from database.clock import clock_ahead, clock_line, database_now, is_off, measure_if_due
from messaging import budget, gateways
from outside import jobs, redis
from recovery.watching import drill_line
from reports.schedules import late_files
from waiting_room.services.witnessed import health_line as witnesses_line
from web.hooks import Hook

OK = "ok"
SILENT_GATEWAY = "gateway takes nothing"  # begins the problem in the state of `messages`
MOST_NAMED = 5
# Pages of several operators ask each few seconds: a process asks the parts once in so long.
KEPT_SECONDS = 3


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        measure_if_due()
    except DatabaseError:
        return "unreachable"
    return OK


def _clock() -> str:
    """Whether this node's clock agrees with the database's. Decisions use the database's clock;
    log lines and TLS use this one."""
    ahead = clock_ahead()
    if ahead is None:
        return "unknown"
    return clock_line(ahead) if is_off(ahead) else OK


def _redis() -> str:
    try:
        redis.client().ping()
    except RedisError:
        return "unreachable"
    return OK


def _worker() -> str:
    try:
        return OK if jobs.has_worker(jobs.LINE) else "none"
    except RedisError:
        return "unknown"


def _cron() -> str:
    try:
        return OK if jobs.has_cron() else "none"
    except RedisError:
        return "unknown"


def _messages() -> str:
    try:
        above = [spending.kind for spending in budget.usage_by_kind() if spending.over]
        silent = [f"{row} since {row.since:%H:%M:%S}" for row in gateways.out_of_order()]
    except DatabaseError:
        return "unknown"
    problems = [f"above budget: {', '.join(above)}"] if above else []
    problems += [f"{SILENT_GATEWAY}: {', '.join(silent)}"] if silent else []
    return "; ".join(problems) or OK


def _witnesses() -> str:
    try:
        return witnesses_line()
    except DatabaseError:
        return "unknown"


def _exports() -> str:
    """Scheduled files that are not delivered in time."""
    try:
        late = late_files(database_now())
    except DatabaseError:
        return "unknown"
    words = [f"{schedule.name} of {day}" for schedule, day in late[:MOST_NAMED]]
    return f"late: {', '.join(words)}" if words else OK


def _drill() -> str:
    try:
        return drill_line()
    except DatabaseError:
        return "unknown"


# Functions that answer "ok" or, in short words, what is wrong.
PARTS = {
    "database": _database,
    "redis": _redis,
    "worker": _worker,
    "cron": _cron,
    "messages": _messages,
    "clock": _clock,
    "witnesses": _witnesses,
    "exports": _exports,
    "drill": _drill,
}
# What the control room calls them.
TITLES = {
    "database": _("Database"),
    "redis": _("Redis"),
    "worker": _("Worker of the line"),
    "cron": _("Cron"),
    "messages": _("Messages"),
    "clock": _("Clock"),
    "witnesses": _("Witnesses"),
    "exports": _("Scheduled exports"),
    "drill": _("Restore drill"),
}


# Answers what the web server's own watcher has found, without asking; None if it has not begun.
watchers: "Hook[Callable[[], dict[str, str] | None]]" = Hook()


def states() -> dict[str, str]:
    """The state of each part by name, some seconds old."""
    for watcher in watchers:
        if watched := watcher():
            return watched
    local = caches["local"]
    found: dict[str, str] | None = local.get("states-of-parts")
    if found is None:
        found = {name: check() for name, check in PARTS.items()}
        local.set("states-of-parts", found, timeout=KEPT_SECONDS)
    return found
