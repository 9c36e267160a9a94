"""Statuses move only along the arrows of booking.enums: the database refuses the rest."""

from collections.abc import Mapping, Sequence
from typing import Any

import pgtrigger


def lawful_moves(
    moves: Mapping[Any, Sequence[Any]], *, but: pgtrigger.Q | None = None
) -> pgtrigger.FSM:
    """The trigger that holds `status` to these moves; changes that meet `but` skip it."""
    condition = pgtrigger.Q(old__status__df=pgtrigger.F("new__status"))
    return pgtrigger.FSM(
        name="status_moves_lawfully",
        field="status",
        transitions=[(str(old), str(new)) for old, after in moves.items() for new in after],
        condition=condition & ~but if but else condition,
    )
