"""Who leads in the cluster that runs here."""

import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from launcher.cluster.hosts import NODES, PORTS
from launcher.cluster.run import ask, cluster_home, members
from launcher.errors import LauncherError
from launcher.home import Home, read_env
from launcher.portal import print_line
from launcher.postgres import installation
from launcher.processes import LOOPBACK


def show(environ: Mapping[str, str]) -> int:
    home = cluster_home(environ)
    if not home.addresses_file.exists():
        raise LauncherError(f"No cluster runs from {home.folder}: make cluster starts one.")
    for line in lines(home):
        print_line(line)
    return 0


def lines(home: Home) -> Iterator[str]:
    ports = ports_of(home)
    for member in members(ports):
        lag = member.get("lag")
        behind = f", {lag} bytes behind" if lag not in (None, 0) else ""
        yield f"Postgres  {member['name']:<12}{member['role']:<14}{member['state']}{behind}"
    yield f"etcd      {etcd_leader(ports) or 'no answer':<12}leader"
    yield f"Valkey    {valkey_primary(home, ports) or 'no answer':<12}primary"
    yield f"cron      {cron_node(home) or 'no answer':<12}acts"
    for name, state in web_states(home):
        address = f"http://{LOOPBACK}:{ports[name]}" if name in ports else ""
        yield f"web       {name:<12}{state:<14}{address}".rstrip()


def ports_of(home: Home) -> dict[str, int]:
    return {name: int((home.run / f"{name}.port").read_text()) for name in PORTS}


def etcd_leader(ports: Mapping[str, int]) -> str | None:
    for node in NODES:
        url = f"http://{LOOPBACK}:{ports[f'etcd-{node}']}/v3/maintenance/status"
        request = urllib.request.Request(url, data=b"{}")
        answer = ask(request)
        if isinstance(answer, dict) and answer.get("leader") == answer["header"]["member_id"]:
            return f"etcd-{node}"
    return None


def valkey_primary(home: Home, ports: Mapping[str, int]) -> str | None:
    """As the first Sentinel that answers says."""
    password = read_env(home.folder / "cluster.env")["VALKEY_PASSWORD"]
    names = {str(port): name for name, port in ports.items()}
    for node in NODES:
        try:
            with socket.create_connection((LOOPBACK, ports[f"sentinel-{node}"]), 1) as link:
                link.sendall(
                    f"AUTH {password}\r\nSENTINEL get-master-addr-by-name jari\r\n".encode()
                )
                link.settimeout(1)
                reply = b""
                while reply.count(b"\n") < 6:
                    part = link.recv(512)
                    if not part:
                        break
                    reply += part
        except OSError:
            continue
        return names.get(reply.split()[-1].decode())
    return None


def cron_node(home: Home) -> str | None:
    """The node whose cron has the turn, by the pid in the holder's name."""
    sql = "SELECT holder FROM database_lease WHERE name = 'cron' AND until > jari_now()"
    psql = installation() / "bin" / "psql"
    url = read_env(home.addresses_file)["DATABASE_URL"]
    done = subprocess.run(  # noqa: S603
        [psql, "-XAt", url, "-c", sql], capture_output=True, text=True, check=False
    )
    pid = done.stdout.strip().split(":")[1:2]
    if not pid:
        return None
    environ = Path(f"/proc/{pid[0]}/environ")
    names = [part for part in environ.read_bytes().split(b"\0") if part.startswith(b"JARI_NODE=")]
    return names[0].partition(b"=")[2].decode() if names else pid[0]


def web_states(home: Home) -> Iterator[tuple[str, str]]:
    """HAProxy's view of the web nodes."""
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(str(home.folder / "hosts" / "haproxy" / "haproxy.sock"))
        except OSError:
            yield "HAProxy", "no answer"
            return
        link.sendall(b"show stat\n")
        reply = b""
        while part := link.recv(65536):
            reply += part
    for line in reply.decode().splitlines():
        fields = line.split(",")
        if fields[0] == "web" and fields[1] not in ("BACKEND", "FRONTEND"):
            yield f"web-{fields[1]}", fields[17]
