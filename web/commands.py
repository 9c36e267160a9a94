"""Base class of the management commands of all apps."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand


class PortalCommand(BaseCommand):
    """A command whose help may be a lazy translation; argparse can't format one."""

    help: Any  # text, or a lazy text

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        self.help = str(self.help)
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        _resolve(parser)
        return parser


def _resolve(parser: ArgumentParser) -> None:
    for action in parser._actions:
        if action.help is not None:
            action.help = str(action.help)
