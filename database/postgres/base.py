from typing import Any

from django.db.backends.postgresql import base

from database.silence import silence
from database.tracing import tagged

CONNECT_SECONDS = 3


class TaggedCursor(base.Cursor):  # type: ignore[misc]  # the stub forgets psycopg's own base
    """As Django's, with the id of the request in each statement."""

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        return super().execute(tagged(query) if isinstance(query, str) else query, *args, **kwargs)


class TaggedBindingCursor(base.ServerBindingCursor):  # type: ignore[misc]
    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        return super().execute(tagged(query) if isinstance(query, str) else query, *args, **kwargs)


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's; a connection is refused at once while the server is known to be away."""

    def get_connection_params(self) -> dict[str, Any]:
        parameters = {"connect_timeout": CONNECT_SECONDS, **super().get_connection_params()}
        if parameters["cursor_factory"] is base.Cursor:
            parameters["cursor_factory"] = TaggedCursor
        return parameters

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        # A pool would let each page wait for its timeout of ten seconds.
        silence.refuse()
        return super().get_new_connection(conn_params)
