from typing import Any

from django.core.management.base import CommandError

from booking.verifying import verify
from web.commands import PortalCommand


class Command(PortalCommand):
    help = "Check every invariant of slots, holds and reservations on the live tables."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        for answer in verify():
            state = f"{answer.broken} broken" if answer.broken else "holds"
            self.stdout.write(f"{answer.question.name}: {state} ({answer.seconds:.1f} s)")
            if answer.broken:
                broken += 1
                self.stdout.write(f"  {answer.question.says}")
            for example in answer.examples:
                self.stdout.write(f"  {example}")
        if broken:
            raise CommandError(f"{broken} invariants are broken.", returncode=1)
