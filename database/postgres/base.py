from typing import Any

from django.db.backends.postgresql import base

from database.postgres.times import adapters_with_times
from database.silence import silence
from database.tracing import tagged

CONNECT_SECONDS = 3


class TaggedCursor(base.Cursor):
    """As Django's, with the id of the request in each statement."""

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        text = tagged(query) if isinstance(query, str) else query
        # The stub forgets that it is a cursor of psycopg.
        return super().execute(text, *args, **kwargs)  # type: ignore[misc]


class TaggedBindingCursor(base.ServerBindingCursor):
    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        text = tagged(query) if isinstance(query, str) else query
        # The stub forgets that it is a cursor of psycopg.
        return super().execute(text, *args, **kwargs)  # type: ignore[misc]


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's; a connection is refused at once while the server is known to be away."""

    def get_connection_params(self) -> dict[str, Any]:
        parameters = {"connect_timeout": CONNECT_SECONDS, **super().get_connection_params()}
        if parameters["cursor_factory"] is base.Cursor:
            parameters["cursor_factory"] = TaggedCursor
        parameters["context"] = adapters_with_times(self.timezone, parameters["context"])
        return parameters

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        # A pool would let each page wait for its timeout of ten seconds.
        silence.refuse()
        return super().get_new_connection(conn_params)
