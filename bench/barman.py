"""Barman on this machine, for tests and benches, by deploy/backup/barman.conf."""

import os
import pwd
import sys
from configparser import ConfigParser
from pathlib import Path

from launcher.home import ROOT

PROGRAM = str(Path(sys.executable).with_name("barman"))
DEPLOYED = ROOT / "deploy" / "backup" / "barman.conf"


def write_config(folder: Path, *, address: str, programs: Path, slot: str = "barman") -> Path:
    """The file of a host of backups with all it keeps in `folder`, without sealing by GPG."""
    config = ConfigParser(interpolation=None)
    config.read_string(DEPLOYED.read_text())
    config["barman"].update(
        barman_user=pwd.getpwuid(os.geteuid()).pw_name,
        barman_home=str(folder / "home"),
        configuration_files_directory=str(folder),
        log_file=str(folder / "barman.log"),
    )
    server = config["jari"]
    for name in [name for name in server if name.startswith("encryption")]:
        del server[name]
    server.update(
        conninfo=address,
        streaming_conninfo=address,
        path_prefix=str(programs),
        slot_name=slot,
        staging_path=str(folder / "staging"),
    )
    for name in ("home", "staging"):
        (folder / name).mkdir(parents=True)
    file = folder / "barman.conf"
    file.touch(mode=0o600)  # a password stands in it
    with file.open("w") as out:
        config.write(out)
    return file
