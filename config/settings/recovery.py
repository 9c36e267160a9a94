"""Backups, and the drills that restore them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Backups:
    """Where the backups of the database are, and what restores them."""

    barman: str  # the program
    config: Path
    server: str  # its section there
    programs: str  # folder of Postgres' programs; empty: as pg_config says
    folder: Path  # for what is restored, as large as the database
    account: str  # as which Postgres runs if a drill is run by root


def backup_settings(env: Any, home: Path) -> Backups:
    return Backups(
        barman=env.str("JARI_BARMAN", default="barman"),
        config=Path(env.str("JARI_BARMAN_CONFIG", default="/etc/barman.conf")),
        server=env.str("JARI_BARMAN_SERVER", default="jari"),
        programs=env.str("JARI_POSTGRES_PROGRAMS", default=""),
        folder=Path(env.str("JARI_DRILL_FOLDER", default=str(home / "drill"))),
        account=env.str("JARI_DRILL_ACCOUNT", default="nobody"),
    )
