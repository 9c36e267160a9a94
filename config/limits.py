"""What one request, one address and all of them may take from a web process.

Each number is of one process. Bytes a second and seconds are of the clock of the process.
"""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Limits:
    body_bytes: int = 64 * KIB
    # A body is due at `body_grace_seconds` plus what has come of it by its least rate.
    body_grace_seconds: float = 10
    body_rate: int = 4 * KIB
    bodies: int = 2_048
    bodies_per_address: int = 512

    # Files that staff may send once their role is known.
    upload_bytes: int = 100 * MIB
    upload_rate: int = 32 * KIB
    uploads: int = 4

    # Requests that wait for a thread: above it citizens are told to come back at once.
    waiting: int = 1_000

    # An answer above this is sent from a file, piece by piece as the client takes it.
    memory_bytes: int = 128 * KIB
    # An answer above this is a download, of which there may be so many at a time.
    download_bytes: int = 1 * MIB
    downloads: int = 32
    downloads_per_address: int = 4

    # Who takes less than `send_rate` over `send_seconds`, with answers waiting, is cut off.
    send_rate: int = 4 * KIB
    send_seconds: float = 30

    connections: int = 8_192
    # An address may stand for a whole mobile carrier.
    connections_per_address: int = 4_096
