"""Tables of people's numbers for the public: each completed day once, and never changed."""

from collections.abc import Callable, Mapping
from datetime import date

from django.db import transaction
from django.utils import timezone

from database.clock import database_now
from reports.models import PublishedTable
from reports.suppression import suppress

Counts = Mapping[str, int]


class NotPublishable(Exception):
    """The day is not over, or a later one is public already."""


@transaction.atomic
def publish(name: str, day: date, count: Callable[[], Counts]) -> dict[str, int | None]:
    """What is public of the table `name` at the end of `day`, by cell; always the same answer.

    `count` is asked only the first time: people in each cell from the beginning until the end of
    that day, cells that do not overlap. Raises NotPublishable.
    """
    public = PublishedTable.objects.filter(name=name, day=day).first()
    if public is None:
        if day >= timezone.localdate(database_now()):
            raise NotPublishable(f"{day} is not over.")
        before = PublishedTable.objects.filter(name=name).order_by("-day").first()
        if before is not None and before.day > day:
            raise NotPublishable(f"{before.day} is public already.")
        cells = suppress(count(), before=before.cells if before else None)
        # Of two workers at the same time one writes, and both answer that.
        public, _ = PublishedTable.objects.get_or_create(
            name=name, day=day, defaults={"cells": cells}
        )
    public_cells: dict[str, int | None] = public.cells
    return public_cells
