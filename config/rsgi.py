"""The RSGI application that `python -m config.serve` runs.

Polls, joins, entering, the pages on which a crowd arrives, proving who one is, the pages of a
person before they book, and bookings are answered in the event loop, everything else by Django in
threads.
"""

import os
from collections.abc import Callable
from functools import partial

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

django = get_wsgi_application()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from booking.fast_path import CONNECTIONS, FastBooking  # noqa: E402
from config.bridge import WsgiBridge  # noqa: E402
from config.calm import Calm  # noqa: E402
from config.connections import Guard  # noqa: E402
from config.front_pages import FrontPages  # noqa: E402
from config.headers import security_headers  # noqa: E402
from config.identity_pages import IdentityPages  # noqa: E402
from config.lanes import Threads  # noqa: E402
from config.limits import MIB, Limits  # noqa: E402
from config.own_pages import OwnPages  # noqa: E402
from config.probes import Readiness  # noqa: E402
from database.links import Links  # noqa: E402
from database.silence import silence  # noqa: E402
from reports import parts  # noqa: E402
from reports.status import StatusWriter  # noqa: E402
from reports.status_files import files  # noqa: E402
from waiting_room.fast_path import FastPathApplication  # noqa: E402  (needs Django set up)

limits = Limits(upload_bytes=settings.UPLOAD_MEGABYTES * MIB, waiting=settings.WAITING_PAGES)
readiness = Readiness(parts.PARTS, needs="database")
parts.watchers.register(readiness.watched)
status = StatusWriter(readiness.watched)
# Threads of a process, none of which survives a fork.
after_fork: list[Callable[[], None]] = [
    status.start,
    partial(silence.watch, connection.get_connection_params),
]
guard = Guard(limits, shared=settings.PROXIES > 0)
calm = (
    Calm({"staff": settings.STAFF_THREADS, "lookup": settings.LOOKUP_THREADS})
    if settings.CALM_PROCESS
    else None
)
links = Links(CONNECTIONS)
pages = WsgiBridge(
    django,
    threads=Threads(
        pages=settings.WEB_THREADS, lookup=settings.LOOKUP_THREADS, staff=settings.STAFF_THREADS
    ),
    limits=limits,
    guard=guard,
    hops=settings.PROXIES,
    static=f"{settings.STATIC_ROOT}/",
    headers=security_headers(),
    probes={"/readyz": readiness},
    published=files.answer,
    fast=[FrontPages(django.get_response), OwnPages(links), FastBooking(links), IdentityPages()],
    calm=calm,
)
application = FastPathApplication(pages, headers=security_headers())
