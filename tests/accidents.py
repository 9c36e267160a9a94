"""Accidents that happen to a test's database connections."""

import psycopg

# A busy connection if there is one, else an idle one, whose process is computing.
END_ONE = """
WITH victim AS MATERIALIZED (
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
        AND pid <> pg_backend_pid() AND (state <> 'idle' OR %(idle)s)
    ORDER BY state = 'idle', random() LIMIT 1
)
SELECT pg_terminate_backend(pid) FROM victim
"""


def end_a_connection(postgres: psycopg.Connection, *, idle: bool = False) -> bool:
    """End a random connection to this database; False if there is none."""
    return postgres.execute(END_ONE, {"idle": idle}).fetchone() == (True,)
