from datetime import UTC, date, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from eligibility.models import Cohort

pytestmark = pytest.mark.django_db

HEADER = "code,name_ko,name_en,birth_from,birth_to,opens_at,closes_at,order"
ROWS = [
    "a55,55–59세,Born 1962–1966,1962-01-01,1966-12-31,2026-07-12T20:00,2026-07-25T18:00,draw",
    "a53,53–54세,Born 1967–1968,19670101,1968.12.31,2026-07-19T20:00+09:00,2026-07-25T18:00,fifo",
]


def run(tmp_path, *rows, header=HEADER, encoding="utf-8", **options) -> str:
    path = tmp_path / "cohorts.csv"
    path.write_text("\r\n".join([header, *rows]), encoding=encoding)
    out, errors = StringIO(), StringIO()
    try:
        call_command("import_cohorts", path, stdout=out, stderr=errors, language="en", **options)
    except CommandError as error:
        return f"{errors.getvalue()}{error}"
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_import_cohorts_reads_korean_times_where_no_zone_is_given(tmp_path, encoding):
    rows = [row.replace("–", "-") for row in ROWS]

    report = run(tmp_path, *rows, encoding=encoding)

    cohort = Cohort.objects.get(code="a55")
    assert "2 added, 0 changed, 0 unchanged, 0 refused" in report
    assert cohort.name_ko == "55-59세"
    assert cohort.opens_at == datetime(2026, 7, 12, 11, tzinfo=UTC)
    assert Cohort.objects.get(code="a53").birth_to == date(1968, 12, 31)


def test_import_cohorts_twice_changes_nothing_and_a_corrected_row_only_itself(tmp_path):
    run(tmp_path, *ROWS)

    again = run(tmp_path, *ROWS)
    corrected = run(tmp_path, ROWS[0].replace("18:00", "19:00"), ROWS[1])

    assert "0 added, 0 changed, 2 unchanged" in again
    assert "0 added, 1 changed, 1 unchanged" in corrected


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (ROWS[0].replace("1966-12-31", "1961-12-31"), "column birth_to: this is before birth_from"),
        (ROWS[0].replace("07-25T18:00", "07-01T18:00"), "column closes_at: this is not after"),
        (ROWS[0].replace("draw", "lottery"), "column order"),
        (ROWS[0].replace("a55,", "A 55,"), "column code"),
        (ROWS[0].replace("1962-01-01", "1962-02-30"), "column birth_from"),
        (ROWS[0] + ",extra", "9 cells where the first line has 8"),
        (ROWS[1], "the same as line 2"),
    ],
)
def test_import_cohorts_names_line_and_column_and_changes_nothing(tmp_path, row, problem):
    report = run(tmp_path, ROWS[1], row)

    assert f"line 3, {problem}" in report
    assert not Cohort.objects.exists()


def test_import_cohorts_takes_the_good_rows_when_asked(tmp_path):
    report = run(tmp_path, ROWS[0].replace("draw", "lottery"), ROWS[1], skip_refused=True)

    refused = (tmp_path / "cohorts.csv.refused.csv").read_text(encoding="utf-8")
    assert "1 added, 0 changed, 0 unchanged, 1 refused" in report
    assert [cohort.code for cohort in Cohort.objects.all()] == ["a53"]
    assert "lottery" in refused


def test_import_cohorts_keeps_what_the_file_does_not_name(tmp_path):
    run(
        tmp_path,
        ROWS[0] + ",counter,nurse; doctor,22,yes",
        header=HEADER + ",proof,groups,digit_hours,members_only",
    )

    again = run(tmp_path, ROWS[0])

    cohort = Cohort.objects.get()
    assert "1 unchanged" in again
    assert (cohort.proof, cohort.groups) == ("counter", ["doctor", "nurse"])
    assert (cohort.digit_hours, cohort.members_only) == (22, True)


def test_import_cohorts_takes_an_empty_cell_for_the_default(tmp_path):
    run(tmp_path, ROWS[0] + ",counter,doctor,22", header=HEADER + ",proof,groups,digit_hours")

    again = run(tmp_path, ROWS[0] + ",,,", header=HEADER + ",proof,groups,digit_hours")

    cohort = Cohort.objects.get()
    assert "1 changed" in again
    assert (cohort.proof, cohort.groups, cohort.digit_hours) == ("roster", [], None)
