from django.db import models
from django.utils.translation import gettext_lazy as _


class Encoding(models.TextChoices):
    EXCEL = "utf-8-sig", _("Excel and other programs for people (UTF-8 with BOM)")
    MACHINE = "utf-8", _("Machines (UTF-8 without BOM)")
    CP949 = "cp949", _("Old programs (CP949)")


class Zone(models.TextChoices):
    """The zone in which times are written, always with its offset."""

    SEOUL = "seoul", _("Seoul (+09:00)")
    UTC = "utc", _("UTC (Z)")


class Headers(models.TextChoices):
    NAMES = "names", _("Column names, for programs")
    KOREAN = "ko", _("Korean")
    ENGLISH = "en", _("English")


class Type(models.TextChoices):
    """Types of columns, by their names in Frictionless Table Schema; the labels are the words of
    docs/exports.md."""

    STRING = "string", "text"
    INTEGER = "integer", "whole number"
    NUMBER = "number", "number"
    BOOLEAN = "boolean", "true or false"
    DATE = "date", "day"
    TIME = "time", "time of day"
    DATETIME = "datetime", "time"


class Holds(models.TextChoices):
    """What a column holds about a person; the later the more."""

    NOTHING = "nothing"
    PSEUDONYM = "pseudonym"  # a key that only this recipient gets, or the age
    NAME = "name"  # or date of birth, or phone


class FileStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting for a worker")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    CANCELLED = "cancelled", _("Cancelled")
    FAILED = "failed", _("Failed")
    EXPIRED = "expired", _("Removed after its time")


# A worker has something to do.
OPEN = [FileStatus.WAITING, FileStatus.RUNNING]


class Packing(models.TextChoices):
    """Kinds of files, by the ends of their names."""

    CSV = "csv", _("CSV")
    GZIP = "csv.gz", _("CSV, packed with gzip")
    ZSTD = "csv.zst", _("CSV, packed with Zstandard")
    PARQUET = "parquet", _("Parquet")
    NDJSON = "ndjson", _("FHIR R4, a resource for each row (NDJSON)")


CONTENT_TYPES = {
    Packing.CSV: "text/csv",
    Packing.GZIP: "application/gzip",
    Packing.ZSTD: "application/zstd",
    Packing.PARQUET: "application/vnd.apache.parquet",
    Packing.NDJSON: "application/fhir+ndjson",
}


class Period(models.TextChoices):
    """Which days a schedule's file holds, seen from the day on which it is made."""

    YESTERDAY = "yesterday", _("The day before")
    WEEK = "week", _("The seven days before")
    TODAY = "today", _("The same day")
    TOMORROW = "tomorrow", _("The day after")
    ALL = "all", _("Everything")
