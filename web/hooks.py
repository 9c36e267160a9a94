"""How an app calls what only apps above it know: they register their functions when they start."""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Hook(list[F]):
    """Functions in the order of their registering; the same one counts once."""

    def register(self, function: F) -> None:
        if function not in self:
            self.append(function)
