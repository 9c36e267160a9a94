"""Limits of one web process, per request, per address and in all.

Rates are bytes per second; times are seconds of the process's monotonic clock.
"""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Limits:
    body_bytes: int = 64 * KIB
    # Deadline of a body: `body_grace_seconds` plus the received bytes divided by `body_rate`.
    body_grace_seconds: float = 10
    body_rate: int = 4 * KIB
    bodies: int = 2_048
    bodies_per_address: int = 512

    # Bodies at the addresses of bodies.UPLOADS, from staff who may see the form there.
    upload_bytes: int = 100 * MIB
    upload_rate: int = 32 * KIB
    uploads: int = 4

    # Requests waiting for a thread; above it 503 with Retry-After.
    waiting: int = 1_000

    # An answer above this is sent from a file, piece by piece as the client reads.
    memory_bytes: int = 128 * KIB
    # An answer above this counts as a download.
    download_bytes: int = 1 * MIB
    downloads: int = 32
    downloads_per_address: int = 4

    # A client that reads less than `send_rate` for `send_seconds`, with bytes waiting, is cut off.
    send_rate: int = 4 * KIB
    send_seconds: float = 30

    connections: int = 8_192
    # High, as one address may be shared by a whole mobile carrier.
    connections_per_address: int = 4_096
