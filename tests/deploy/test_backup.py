"""The configuration of backups speaks of options that exist, and of what the drill needs."""

from configparser import ConfigParser
from pathlib import Path

import pytest
from barman.config import ServerConfig
from django.conf import settings

FOLDER = Path(settings.BASE_DIR, "deploy", "backup")
OF_BARMAN = {"barman_home", "barman_user", "configuration_files_directory", "log_file", "log_level"}
KNOWN = OF_BARMAN | set(ServerConfig.KEYS) | set(ServerConfig.BARMAN_KEYS)


def options(name: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.read(FOLDER / name)
    return parser


@pytest.mark.parametrize("name", ["barman.conf", "second-site.conf"])
def test_barman_knows_each_option(name):
    found = {option for section in options(name).values() for option in section}

    assert found - KNOWN == set()
    assert settings.BACKUPS.server in options(name).sections()


def test_wal_comes_as_it_is_written_and_backups_are_sealed():
    server = options("barman.conf")["jari"]

    assert (server["streaming_archiver"], server["slot_name"]) == ("on", "barman")
    # A restore of these needs no rsync (decision 62).
    assert (server["backup_compression"], server["backup_compression_format"]) == ("gzip", "tar")
    assert (server["encryption"], server["retention_policy"][:15]) == ("gpg", "RECOVERY WINDOW")


def test_the_drill_is_given_the_keys():
    unit = (FOLDER / "drill-jari.service").read_text()
    common = (FOLDER / "drill-.service.d" / "common.conf").read_text()

    for name in ("SECRET_KEY", "JARI_DATA_KEYS", "JARI_INDEX_KEYS", "JARI_LOG_KEYS"):
        assert f"{name}_FILE=%d/{name.removeprefix('JARI_').lower()}" in common
    assert "manage.py drill" in unit
