from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from reports.describing import LOCK, lock_with_new_versions, page


class Command(BaseCommand):
    help = "Write docs/exports.md and the lock of columns anew, from the definitions"

    def handle(self, **options: Any) -> None:
        Path(settings.BASE_DIR, "docs", "exports.md").write_text(page(), encoding="utf-8")
        LOCK.write_text(lock_with_new_versions(), encoding="utf-8")
