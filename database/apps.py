from django.apps import AppConfig
from django.core import checks as django_checks
from django.db.backends.signals import connection_created

from database import checks
from database.clock import measure_if_due


class DatabaseConfig(AppConfig):
    name = "database"

    def ready(self) -> None:
        connection_created.connect(measure_if_due, dispatch_uid="database.clock")
        django_checks.register(checks.every_table_is_granted)
        django_checks.register(checks.limits_reach_the_server, deploy=True)
        django_checks.register(checks.account_does_no_more_than_it_needs, deploy=True)
