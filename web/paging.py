"""Pages of long lists."""

from typing import Any, cast

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

MOST_COUNTED = 10_000


class CappedPaginator(Paginator[Any]):
    """Counts MOST_COUNTED rows at most, and has no pages behind them.

    Among a million rows people search; counting all of them for each page took most of its time.
    """

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        # In any order, so that Postgres stops at the first that it finds.
        return min(rows.order_by()[: MOST_COUNTED + 1].count(), MOST_COUNTED)

    @cached_property
    def is_capped(self) -> bool:
        return self.count == MOST_COUNTED
