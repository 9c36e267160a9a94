"""The file of a kind as its rows stand: what `bulk.working` reads back without a change."""

import io

from bulk.kinds import Key, Kind
from bulk.values import as_cell
from dataio.csv_out import csv_line, csv_table


def write_export(kind: Kind) -> tuple[io.BytesIO, list[Key]]:
    """The file (UTF-8 with BOM) and the keys of its rows, of one instant: one statement reads."""
    columns = [column.name for column in kind.layouts[0].columns]
    keys: list[Key] = []
    file = io.BytesIO(csv_table([columns]))
    file.seek(0, io.SEEK_END)
    for key, values in kind.stored():
        keys.append(key)
        cells = dict(zip(kind.key_fields, key, strict=True)) | values
        file.write(csv_line([as_cell(cells[name]) for name in columns]).encode())
    file.seek(0)
    return file, keys
