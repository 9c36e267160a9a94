"""Redis: what the cache keeps there."""

import json
from typing import Any


class JsonCache:
    """JSON for Django's cache instead of pickle, which would run what somebody wrote to Redis."""

    def dumps(self, value: Any) -> bytes | int:
        # Redis counts with bare numbers.
        return value if type(value) is int else json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        """None, as for what is not there, where this is no JSON."""
        try:
            return json.loads(data)
        except ValueError:
            return None
