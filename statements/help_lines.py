"""The numbers to call on the page of help: those of the reader's own region first."""

from itertools import groupby
from typing import NamedTuple

from django.http import HttpRequest
from django.utils.translation import gettext as _

from dataio.districts import REGIONS, region_name
from statements.hooks import region_of_reader
from statements.models import HelpLine


class Group(NamedTuple):
    title: str
    lines: list[HelpLine]


class HelpLines(NamedTuple):
    """The reader's region and the whole country, and the other regions, which are folded up."""

    near: list[Group]
    elsewhere: list[Group]


def help_lines(request: HttpRequest) -> HelpLines:
    rows = sorted(HelpLine.objects.filter(active=True), key=lambda line: _place(line.region))
    groups = {region: list(lines) for region, lines in groupby(rows, key=lambda row: row.region)}
    national = groups.pop("", [])
    near = [Group(_("Whole country"), national)] if national else []
    if not groups:
        return HelpLines(near, [])
    # Without a number of their own region readers find it among the others.
    own = next((region for find in region_of_reader if (region := find(request))), "")
    if own in groups:
        near.insert(0, Group(region_name(own), groups.pop(own)))
    return HelpLines(near, [Group(region_name(region), lines) for region, lines in groups.items()])


def _place(region: str) -> int:
    """Regions in their official order, the whole country first."""
    return REGIONS.index(region) + 1 if region else 0
