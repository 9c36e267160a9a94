"""Files packed while they are written: gzip, Zstandard, or turned into Parquet or FHIR."""

import gzip
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import arro3.io
import zstandard
from arro3.core import DataType, Field, Schema

from reports.columns import Column
from reports.enums import Packing, Type
from reports.fhir import check_fhir, to_ndjson
from reports.selection import Selection
from reports.storage import UNFINISHED, locked

_ARROW = {
    Type.INTEGER: DataType.int64(),
    Type.NUMBER: DataType.float64(),
    Type.BOOLEAN: DataType.bool(),
    Type.DATE: DataType.date32(),
    Type.DATETIME: DataType.timestamp("us", tz="UTC"),
}
_CODED = {Packing.GZIP: "gzip", Packing.ZSTD: "zstd"}
_ROWS = 10_000  # of CSV turned into Parquet at a time


@contextmanager
def coded(file: IO[bytes], coding: str) -> Iterator[IO[bytes]]:
    """Where to write what `file` gets in this content coding of HTTP; "" is none."""
    if coding == "gzip":
        with gzip.GzipFile("", "wb", 6, file, mtime=0) as writer:
            yield cast("IO[bytes]", writer)
    elif coding == "zstd":
        with zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as zstd:
            yield cast("IO[bytes]", zstd)
    else:
        yield file


def check_packing(selection: Selection, packing: Packing) -> None:
    """Raise BadSelection for a selection that can't be packed so."""
    if packing == Packing.NDJSON:
        check_fhir(selection)


@contextmanager
def packed(file: IO[bytes], selection: Selection, packing: Packing) -> Iterator[IO[bytes]]:
    """Where to write the CSV, so that `file` gets it packed. Equal CSV gives equal files. Raises
    BadSelection."""
    check_packing(selection, packing)
    if packing in _CODED:
        with coded(file, _CODED[packing]) as writer:
            yield writer
    elif packing == Packing.PARQUET:
        with _turned(file, lambda csv, turned: _to_parquet(csv, turned, selection.columns)) as csv:
            yield csv
    elif packing == Packing.NDJSON:
        with _turned(file, lambda csv, turned: to_ndjson(csv, turned, selection)) as csv:
            yield csv
    else:
        yield file


@contextmanager
def _turned(file: IO[bytes], turn: Callable[[Path, Path], None]) -> Iterator[IO[bytes]]:
    """Where to write the CSV that `turn` makes another file of, once it is complete."""
    with tempfile.TemporaryDirectory(prefix=UNFINISHED) as folder, _being_written(folder):
        table, turned = Path(folder, "rows.csv"), Path(folder, "turned")
        with table.open("wb") as csv:
            yield csv
        turn(table, turned)
        with turned.open("rb") as content:
            shutil.copyfileobj(content, cast("Any", file))


@contextmanager
def _being_written(folder: str) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        with locked(handle):
            yield
    finally:
        os.close(handle)


def _to_parquet(csv: Path, parquet: Path, columns: Sequence[Column]) -> None:
    """Block by block, as the file may be larger than the memory."""
    fields = [
        Field(column.name, _ARROW.get(column.type, DataType.string()), nullable=True)
        for column in columns
    ]
    reader = arro3.io.read_csv(csv, Schema(fields), has_header=True, batch_size=_ROWS)
    arro3.io.write_parquet(reader, parquet, compression="zstd(3)")
