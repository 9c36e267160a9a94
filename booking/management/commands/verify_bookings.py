from typing import Any

from django.core.management.base import CommandError

from booking.verifying import INVARIANTS, report_lines, verify
from web.commands import PortalCommand


class Command(PortalCommand):
    help = "Check every invariant of slots, holds and reservations on the live tables."
    invariants = INVARIANTS

    def handle(self, *args: Any, **options: Any) -> None:
        results = verify(invariants=self.invariants)
        self.stdout.write("\n".join(report_lines(results)))
        broken_count = sum(bool(result.broken) for result in results)
        if broken_count:
            raise CommandError(f"{broken_count} invariants are broken.", returncode=1)
