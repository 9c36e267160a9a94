"""The dashboard in a real browser: both languages, tablet and desk, nothing the policy refuses."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from dataio.districts import REGIONS
from reports.models import CohortPlan, DailyFigure, FigureCount, Measure
from staff.enums import Role
from tests.browser.test_desk import looks_right, sign_in
from tests.factories import ClinicFactory, CohortFactory, VaccineFactory
from tests.vaccination.factories import LotFactory
from vaccination.models import Lot


@pytest.fixture(params=[("ko", 820), ("en", 1280)], ids=str)
def screen(request, new_screen):
    return new_screen(*request.param, height=1000)


@pytest.fixture
def campaign(clock):
    """Six weeks of two cohorts in each region, as the job would have counted them."""
    today = clock.at("08:00", tick=True).date()
    elders = CohortFactory(
        code="elders", name_ko="65세 이상 어르신", name_en="People of 65 and over"
    )
    others = CohortFactory(code="adults", name_ko="50–64세", name_en="People of 50 to 64")
    rows = []
    for back in range(-10, 42):
        day = today - timedelta(days=back)
        size = 40 if day.weekday() == 6 else 100 + 3 * (42 - back)
        counts = {Measure.SEATS: 300, Measure.TAKEN: 290 if back > 0 else 300 + 20 * back}
        if back > 0:
            counts |= {Measure.DUE: size, Measure.NO_SHOWS: size // (20 + back % 5)}
        for number, area in enumerate(["", *REGIONS]):
            share = 1 if not area else (number + 3) / 207
            rows += [
                DailyFigure(area=area, measure=measure, day=day, count=round(count * 17 * share))
                for measure, count in counts.items()
            ]
            for cohort, part in (("elders", 0.7), ("adults", 0.3)):
                if back >= 0 and (cohort == "elders" or back < 9):
                    count = round(size * 17 * share * part)
                    rows.append(DailyFigure(area=area, measure=Measure.FIRST, day=day,
                                            cohort=cohort, count=count))  # fmt: skip
                elif back < 0:
                    rows.append(DailyFigure(area=area, measure=Measure.AHEAD, day=day,
                                            cohort=cohort, count=round(60 * share)))  # fmt: skip
    rows.append(
        DailyFigure(area="", measure=Measure.WAITING, day=today, cohort="adults", count=5321)
    )
    DailyFigure.objects.bulk_create(rows)
    FigureCount.objects.create(pk=1, counted_at=clock.now())
    first, last = today - timedelta(days=41), today + timedelta(days=20)
    CohortPlan.objects.create(cohort=elders, people=90_000, first_day=first, last_day=last)
    for number, region in enumerate(REGIONS):
        CohortPlan.objects.create(cohort=others, region=region, people=900 + 60 * number,
                                  first_day=first + timedelta(days=33), last_day=last)  # fmt: skip
    for name in ("mrna", "novavax"):
        lot = LotFactory(clinic=ClinicFactory(), vaccine=VaccineFactory(code=name), doses=900)
        assert Lot.objects.get(pk=lot.pk).doses_left == 900


def keep(page, name, download=None):
    """A picture or file where JARI_PICTURES names a folder."""
    folder = os.environ.get("JARI_PICTURES")
    if not folder:
        return
    path = Path(folder, f"{name}-{page.language}-{page.width}")
    if download is None:
        page.screenshot(path=f"{path}.png", full_page=True)
    else:
        download.save_as(f"{path}-{download.suggested_filename}")


def test_the_dashboard_is_read_in_both_languages(screen, campaign):
    sign_in(screen, role=Role.AUTHORITY)

    screen.goto(f"{screen.at}/admin/dashboard/")

    looks_right(screen)
    keep(screen, "dashboard")
    assert screen.locator("figure svg[role=img]").count() == 9
    screen.click("#demand summary")
    assert screen.locator("#demand table").is_visible()
    assert "5,321" in screen.inner_text("#demand table")
    looks_right(screen)
    for link, name in (("#daily .chart-file a", "daily-"), (".submit-row a", "report-")):
        with screen.expect_download() as download:
            screen.click(link)
        assert download.value.suggested_filename.startswith(name)
        keep(screen, name, download.value)
