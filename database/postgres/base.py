from typing import Any

from django.db.backends.postgresql import base

from database.tracing import tagged


class TaggedCursor(base.Cursor):  # type: ignore[misc]  # the stub forgets psycopg's own base
    """As Django's, with the id of the request in each statement."""

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        return super().execute(tagged(query) if isinstance(query, str) else query, *args, **kwargs)


class TaggedBindingCursor(base.ServerBindingCursor):  # type: ignore[misc]
    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        return super().execute(tagged(query) if isinstance(query, str) else query, *args, **kwargs)


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's, with such cursors."""

    def get_connection_params(self) -> dict[str, Any]:
        parameters = super().get_connection_params()
        if parameters["cursor_factory"] is base.Cursor:
            parameters["cursor_factory"] = TaggedCursor
        return parameters
