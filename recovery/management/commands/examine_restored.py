import json
import sys
from typing import Any

from recovery.examining import examine
from recovery.published import Published
from web.commands import PortalCommand


class Command(PortalCommand):
    help = (
        "For manage.py drill: hold the restored database of DATABASE_URL against the published "
        "logs, which come as JSON on standard input, and print what is wrong as JSON."
    )

    requires_system_checks: list[str] = []  # of the portal's settings, not of what was restored

    def handle(self, *args: Any, **options: Any) -> None:
        found = examine([Published(**log) for log in json.load(sys.stdin)])
        self.stdout.write(json.dumps(found))
