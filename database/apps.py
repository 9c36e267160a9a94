from django.apps import AppConfig
from django.db.backends.signals import connection_created

from database.clock import measure_if_due


class DatabaseConfig(AppConfig):
    name = "database"

    def ready(self) -> None:
        connection_created.connect(measure_if_due, dispatch_uid="database.clock")
