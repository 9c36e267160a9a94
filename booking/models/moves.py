"""Triggers that allow only the status moves of booking.enums."""

from collections.abc import Mapping, Sequence
from typing import Any

import pgtrigger


def lawful_moves(
    moves: Mapping[Any, Sequence[Any]], *, but: pgtrigger.Q | None = None
) -> pgtrigger.FSM:
    """A trigger that refuses any other move of `status`; updates that meet `but` skip it."""
    condition = pgtrigger.Q(old__status__df=pgtrigger.F("new__status"))
    return pgtrigger.FSM(
        name="status_moves_lawfully",
        field="status",
        transitions=[(str(old), str(new)) for old, after in moves.items() for new in after],
        condition=condition & ~but if but else condition,
    )
