"""Reading instants: Django's way, without its pattern.

Django makes of psycopg's loader one of its own, so that psycopg's compiled twin of it is not used.
What is left matches a regular expression and adds three times for each instant: 1,000 of them on a
clinic's day, which took as long as decrypting its people and filling in its page.
"""

from datetime import datetime, tzinfo
from functools import cache
from typing import Any

from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from psycopg.adapt import AdaptersMap


class TimeLoader(BaseTzLoader):  # type: ignore[misc]  # has no types
    """`timestamptz` as an instant in the connection's time zone, as Django's own reads it."""

    def load(self, data: Any) -> datetime:
        at: datetime
        try:
            at = datetime.fromisoformat(str(data, "ascii"))
        except ValueError:  # infinity, and years that Python does not have
            at = super().load(data)
        return at if at.tzinfo is self.timezone else at.astimezone(self.timezone)


@cache
def adapters_with_times(zone: tzinfo, template: AdaptersMap) -> AdaptersMap:
    """A copy of Django's adapters for a connection in `zone` that reads instants so."""
    adapters = AdaptersMap(template)
    loader = type("TimeLoaderOfZone", (TimeLoader,), {"timezone": zone})
    adapters.register_loader("timestamptz", loader)
    return adapters
