"""Hooks: an app calls functions that the apps above it register in their AppConfig.ready()."""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Hook(list[F]):
    """Functions in order of registration; registering one again changes nothing."""

    def register(self, function: F) -> None:
        if function not in self:
            self.append(function)


class KeyedHook(dict[str, F]):
    """One function for each key, such as a kind of message; registering again replaces it."""

    def register(self, key: str, function: F) -> None:
        self[key] = function
