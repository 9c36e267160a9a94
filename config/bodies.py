"""Receives request bodies completely in the event loop, before a thread starts on the request."""

import asyncio
import io
import re
import tempfile
from collections.abc import Awaitable, Callable
from typing import IO, Any

from config.lanes import Share
from config.limits import MIB, Limits
from config.refusals import Refused

# Read of a body that is too large: a client that is still sending would see a reset connection
# instead of the answer.
READ_ON_BYTES, READ_ON_SECONDS = 1 * MIB, 3


# Addresses with the larger limit, for senders who may see the form there. Apps may add to it.
UPLOADS = [re.compile(r"/admin/eligibility/rosterupload/add/")]


def takes_files(path: str) -> bool:
    return any(upload.fullmatch(path) for upload in UPLOADS)


class Bodies:
    """Reads bodies within the limits of size, rate and number at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._coming = Share(each=limits.bodies_per_address, all=limits.bodies)
        self._uploads = Share(each=limits.uploads, all=limits.uploads)

    async def receive(
        self,
        protocol: Any,
        environ: dict[str, Any],
        address: str,
        may_send: Callable[[], Awaitable[bool]],
    ) -> IO[bytes]:
        """The body as a file at its start; raises Refused (303, 400, 408, 413, 503).

        `may_send` is called before a large body is read at an address for uploads.
        """
        limits, length = self._limits, int(environ.get("CONTENT_LENGTH") or 0)
        chunked = "HTTP_TRANSFER_ENCODING" in environ
        if not length and not chunked:
            return io.BytesIO()
        if takes_files(environ["PATH_INFO"]) and (chunked or length > limits.body_bytes):
            if not await may_send():
                await self._read_on(protocol)
                # Back to the form: with an ended session it leads to the log-in page.
                raise Refused(303, "400.html", location=environ["PATH_INFO"])
            with self._uploads.of(address):
                return await self._read(protocol, environ, limits.upload_bytes, limits.upload_rate)
        with self._coming.of(address):
            return await self._read(protocol, environ, limits.body_bytes, limits.body_rate)

    async def _read(
        self, protocol: Any, environ: dict[str, Any], most: int, rate: int
    ) -> IO[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > most:
            await self._read_on(protocol)
            raise Refused(413)
        file = tempfile.SpooledTemporaryFile(self._limits.memory_bytes)  # noqa: SIM115
        try:
            size = await self._fill(file, protocol, length, most, rate)
        except BaseException:
            file.close()
            raise
        # The length of a chunked body is known only now; WSGI needs CONTENT_LENGTH.
        environ["CONTENT_LENGTH"] = str(size)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        file.seek(0)
        return file

    async def _fill(self, file: IO[bytes], protocol: Any, length: int, most: int, rate: int) -> int:
        """Copy the body into `file` and return its size; each byte sent extends the deadline."""
        due = asyncio.get_running_loop().time() + self._limits.body_grace_seconds
        pieces, size = protocol.__aiter__(), 0
        try:
            while not length or size < length:
                async with asyncio.timeout_at(due + size / rate):
                    piece = await anext(pieces)
                size += len(piece)
                if size > most:
                    raise Refused(413)
                file.write(piece)
        except TimeoutError:
            raise Refused(408) from None
        except StopAsyncIteration:
            if size < length:  # the client disconnected
                raise Refused(400) from None
        return size

    async def _read_on(self, protocol: Any) -> None:
        remaining = READ_ON_BYTES
        try:
            async with asyncio.timeout(READ_ON_SECONDS):
                async for piece in protocol:
                    remaining -= len(piece)
                    if remaining < 0:
                        return
        except TimeoutError:
            return
