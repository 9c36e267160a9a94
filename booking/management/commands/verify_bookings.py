from typing import Any

from django.core.management.base import CommandError

from booking.verifying import verify
from web.commands import PortalCommand


class Command(PortalCommand):
    help = "Check every invariant of slots, holds and reservations on the live tables."

    def handle(self, *args: Any, **options: Any) -> None:
        broken_count = 0
        for result in verify():
            state = f"{result.broken} broken" if result.broken else "holds"
            self.stdout.write(f"{result.invariant.name}: {state} ({result.seconds:.1f} s)")
            if result.broken:
                broken_count += 1
                self.stdout.write(f"  {result.invariant.statement}")
            for example in result.examples:
                self.stdout.write(f"  {example}")
        if broken_count:
            raise CommandError(f"{broken_count} invariants are broken.", returncode=1)
