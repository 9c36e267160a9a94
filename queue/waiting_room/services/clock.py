from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """The database's clock: the only one that decides anything here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
