"""Windows of the rate limiter that do not end in the middle of a test."""

import django_ratelimit.core


class RateWindows:
    """Stands for django-ratelimit's `_get_window`: a window begins with the first try in it.

    Its own windows begin by the wall clock, so that one test in some hundreds tried five times
    in one window and a sixth time in the next.
    """

    def __init__(self) -> None:
        self._begun: dict[tuple[str | bytes, int], int] = {}

    def __call__(self, value: str | bytes, period: int) -> int:
        """When the window of now ends."""
        now = int(django_ratelimit.core.time.time())
        begun = self._begun.get((value, period), now)
        if not begun <= now < begun + period:
            begun = now
        self._begun[value, period] = begun
        return begun + period
