"""The processes of a cluster, each with the configuration it would have on a host of its own."""

import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from launcher.cluster import programs
from launcher.errors import LauncherError
from launcher.home import ROOT, read_env, write_env
from launcher.postgres import APPLICATION, SUPERUSER, Postgres
from launcher.processes import LOOPBACK, Account, free_port, is_free, spawn
from launcher.supervisor import Child
from launcher.valkey import server_program

TEMPLATES = ROOT / "deploy" / "cluster"
NODES = ("a", "b", "c")
WEB_NODES = ("a", "b")
POOL_SIZE = 40  # of Postgres' 200 connections, for each of two PgBouncers
PASSWORDS = ("VALKEY_PASSWORD", "STANDBY_PASSWORD", "REWIND_PASSWORD")
PORTS = [
    "primary",
    *(f"{role}-{node}" for role in ("etcd", "etcd-peer", "pg", "patroni") for node in NODES),
    *(f"sentinel-{node}" for node in NODES),
    *(f"{role}-{node}" for role in ("valkey", "pgbouncer", "web", "status") for node in WEB_NODES),
]


class Filled(Template):
    """@{name}, since HAProxy's and Patroni's own files have dollars."""

    delimiter = "@"


@dataclass
class Host(Child):
    """A process of others, as an account without rights where the launcher is root."""

    account: Account | None = None

    def start(self) -> None:
        self.process = spawn(
            self.command, log=self.log, account=self.account, env=self.env, cwd=self.cwd
        )


def _ports(run: Path) -> dict[str, int]:
    """Those of before, as etcd and Sentinel know each other by them; LauncherError if one is in
    use by another program."""
    ports: dict[str, int] = {}
    for name in PORTS:
        file = run / f"{name}.port"
        if not file.exists():
            port = free_port()
            while port in ports.values():
                port = free_port()
            file.write_text(f"{port}\n")
        ports[name] = int(file.read_text())
        if not is_free(ports[name]):
            raise LauncherError(
                f"Port {ports[name]}, that of {name}, is in use by another program: stop it, or "
                f"begin anew by removing {run.parent}."
            )
    return ports


class Hosts:
    """Folders, ports and configurations below `folder`; made anew at each start."""

    def __init__(self, folder: Path, log: Path, run: Path, port: int) -> None:
        self.folder, self.log, self.port = folder, log, port
        self.account = Account.unprivileged() if os.geteuid() == 0 else None
        self.ports = _ports(run)
        self.passwords = self._passwords(run.parent / "cluster.env")
        self.postgres: dict[str, Postgres] = {}
        self.programs = Path()

    @staticmethod
    def _passwords(file: Path) -> dict[str, str]:
        if not file.exists():
            write_env(
                file,
                {name: secrets.token_hex(16) for name in PASSWORDS},
                note="Passwords between the cluster's processes.",
            )
        return read_env(file)

    def address(self, name: str) -> str:
        return f"{LOOPBACK}:{self.ports[name]}"

    def redis_url(self) -> str:
        sentinels = ",".join(self.address(f"sentinel-{node}") for node in NODES)
        password = self.passwords["VALKEY_PASSWORD"]
        return f"redis+sentinel://:{password}@{sentinels}/jari/0?sentinel_password={password}"

    def all(self, superuser_password: str, app_password: str) -> list[Host]:
        """In the order in which they start."""
        return [
            *(self._etcd(node) for node in NODES),
            *(self._valkey(node) for node in WEB_NODES),
            *(self._sentinel(node) for node in NODES),
            *(self._patroni(node, superuser_password) for node in NODES),
            self._haproxy(),
            *(self._pgbouncer(node, app_password) for node in WEB_NODES),
        ]

    def _etcd(self, node: str) -> Host:
        name = f"etcd-{node}"
        members = ",".join(f"etcd-{n}=http://{self.address(f'etcd-peer-{n}')}" for n in NODES)
        file = self._fill(
            name, "etcd.yml", peer_port=self.ports[f"etcd-peer-{node}"], members=members
        )
        # All at once they wait for each other; killed ones read their log again.
        command = [programs.program("etcd"), "--config-file", str(file)]
        return self._host(name, command, patience=2)

    def _valkey(self, node: str) -> Host:
        """Sentinel rewrites its file when the primary changes: written once, and not anew."""
        name = f"valkey-{node}"
        follows = "" if node == NODES[0] else f"replicaof {LOOPBACK} {self.ports['valkey-a']}"
        file = self._fill(
            name,
            "valkey.conf",
            keep=True,
            password=self.passwords["VALKEY_PASSWORD"],
            follows=follows,
        )
        return self._host(name, [self._own(server_program()), str(file)])

    def _sentinel(self, node: str) -> Host:
        """Its file is its memory of who is the primary: written once, and not anew."""
        name = f"sentinel-{node}"
        file = self._fill(
            name,
            "sentinel.conf",
            keep=True,
            password=self.passwords["VALKEY_PASSWORD"],
            primary=f"{LOOPBACK} {self.ports['valkey-a']}",
            quorum=2,
        )
        return self._host(name, [self._own(server_program()), str(file), "--sentinel"])

    def _patroni(self, node: str, superuser_password: str) -> Host:
        name = f"pg-{node}"
        server = Postgres(
            self._folder(name) / "postgres",
            log=self.log / f"{name}.log",
            password=superuser_password,
        )
        bin_folder = server.prepare_account() / "bin"
        server.folder.mkdir(mode=0o700, exist_ok=True)
        self.postgres[node], self.programs = server, bin_folder
        file = self._fill(
            name,
            "patroni.yml",
            rest_port=self.ports[f"patroni-{node}"],
            etcd_hosts=",".join(self.address(f"etcd-{n}") for n in NODES),
            data=server.data,
            programs=bin_folder,
            superuser=SUPERUSER,
            superuser_password=superuser_password,
            standby_password=self.passwords["STANDBY_PASSWORD"],
            rewind_password=self.passwords["REWIND_PASSWORD"],
            network=f"{LOOPBACK}/32",
        )
        return self._host(name, [programs.patroni(), str(file)], patience=20)

    def _haproxy(self) -> Host:
        web = [f"  server {n} {self.address(f'web-{n}')}" for n in WEB_NODES]
        status = [f"  server {n} {self.address(f'status-{n}')}" for n in WEB_NODES]
        checks = [(n, self.address(f"pg-{n}"), self.ports[f"patroni-{n}"]) for n in NODES]
        file = self._fill(
            "haproxy",
            "haproxy.cfg",
            port=self.port,
            primary_port=self.ports["primary"],
            web_servers="\n".join(web),
            status_servers="\n".join(status),
            postgres_servers="\n".join(f"  server {n} {at} port {to}" for n, at, to in checks),
        )
        return self._host("haproxy", [programs.program("haproxy"), "-db", "-f", str(file)])

    def _pgbouncer(self, node: str, app_password: str) -> Host:
        name = f"pgbouncer-{node}"
        file = self._fill(
            name,
            "pgbouncer.ini",
            database_host=LOOPBACK,
            database_port=self.ports["primary"],
            pool_size=POOL_SIZE,
        )
        self._write(file.parent / "users.txt", f'"{APPLICATION}" "{app_password}"\n')
        return self._host(name, [programs.program("pgbouncer"), str(file)])

    def _host(self, name: str, command: list[str], patience: float = 10) -> Host:
        return Host(
            name,
            command,
            self.log / f"{name}.log",
            {"PATH": programs.PLACES, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            self._folder(name),
            account=self.account,
            patience=patience,
        )

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.account:
            os.chown(folder, self.account.uid, self.account.gid)
        return folder

    def _fill(self, name: str, template: str, *, keep: bool = False, **values: object) -> Path:
        """Write a configuration of deploy/cluster; an existing one stays if told to `keep` it."""
        file = self._folder(name) / template
        common: Mapping[str, object] = {
            "name": name,
            "folder": file.parent,
            "address": LOOPBACK,
            "port": self.ports.get(name, 0),
        }
        if not (keep and file.exists()):
            text = Filled((TEMPLATES / template).read_text()).substitute({**common, **values})
            self._write(file, text)
        return file

    def _write(self, file: Path, text: str) -> None:
        """Only its process may read it: there are passwords in it."""
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(text)
        if self.account:
            os.chown(file, self.account.uid, self.account.gid)

    def _own(self, path: Path) -> str:
        """A program of a wheel, copied to where the account can read it."""
        if not self.account:
            return str(path)
        copy = self.folder / path.name
        if not copy.exists() or copy.stat().st_size != path.stat().st_size:
            shutil.copy(path, copy)
            copy.chmod(0o755)
        return str(copy)
