"""Files packed while they are written: gzip, Zstandard, or turned into Parquet."""

import gzip
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import arro3.io
import zstandard
from arro3.core import DataType, Field, Schema

from reports.columns import Column
from reports.enums import Packing, Type

_ARROW = {
    Type.INTEGER: DataType.int64(),
    Type.NUMBER: DataType.float64(),
    Type.BOOLEAN: DataType.bool(),
    Type.DATE: DataType.date32(),
    Type.DATETIME: DataType.timestamp("us", tz="UTC"),
}
_ROWS = 10_000  # of CSV turned into Parquet at a time


@contextmanager
def packed(file: IO[bytes], columns: Sequence[Column], packing: Packing) -> Iterator[IO[bytes]]:
    """Where to write the CSV, so that `file` gets it packed. Equal CSV gives equal files."""
    if packing == Packing.GZIP:
        with gzip.GzipFile("", "wb", 6, file, mtime=0) as writer:
            yield cast("IO[bytes]", writer)
    elif packing == Packing.ZSTD:
        with zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as zstd:
            yield cast("IO[bytes]", zstd)
    elif packing == Packing.PARQUET:
        with tempfile.TemporaryDirectory(prefix=".export-") as folder:
            path = Path(folder, "rows.csv")
            with path.open("wb") as csv:
                yield csv
            _to_parquet(path, Path(folder, "rows.parquet"), columns)
            with Path(folder, "rows.parquet").open("rb") as parquet:
                shutil.copyfileobj(parquet, cast("Any", file))
    else:
        yield file


def _to_parquet(csv: Path, parquet: Path, columns: Sequence[Column]) -> None:
    """Block by block, as the file may be larger than the memory."""
    fields = [
        Field(column.name, _ARROW.get(column.type, DataType.string()), nullable=True)
        for column in columns
    ]
    reader = arro3.io.read_csv(csv, Schema(fields), has_header=True, batch_size=_ROWS)
    arro3.io.write_parquet(reader, parquet, compression="zstd(3)")
