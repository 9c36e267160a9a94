from typing import Any

from django.core.management.base import BaseCommand

from staff.roles_page import roles_page


class Command(BaseCommand):
    help = "Print docs/roles.md: what each role may do"
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(roles_page(), ending="")
