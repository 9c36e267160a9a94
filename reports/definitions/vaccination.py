"""Exports of doses: given here, given elsewhere, and how many there are."""

from datetime import date

from django.db.models import Count

from booking.models import OutsideDose
from reports.columns import (
    code,
    day,
    day_of,
    moment,
    number,
    people,
    text,
    total,
)
from reports.exports import Export, Table
from reports.words import Words
from vaccination.enums import IdentityCheck, LateReason, Site
from vaccination.models import DoseGiven

_GIVEN = Words("접종 시각", "time of the dose")
_COHORT = "reservation__admission__room__cohort"

# A dose that was recorded by mistake is deleted: the table holds those that stand.
DOSES = Export(
    name="doses",
    title=Words("여기서 놓은 접종", "Doses given here"),
    about=Words("놓은 접종 한 건. 잘못 기록되어 지운 것은 제외", "one dose; not one taken back"),
    version=1,
    since=date(2026, 11, 29),
    period=_GIVEN,
    source=Table(
        model=DoseGiven,
        period="given_at",
        order=("given_at", "pk"),
        clinic_path="clinic",
        cohort_path=_COHORT,
        person_path="reservation__person",
    ),
    columns=(
        code(
            "number",
            "예약번호",
            "reservation number",
            "reservation__number",
            required=True,
            joins=True,
        ),
        number("dose", "차수", "dose", "dose_number", required=True),
        text("vaccine", "백신 코드", "vaccine code", "vaccine__code", required=True),
        text(
            "lot",
            "로트",
            "lot number",
            "lot__number",
            note=Words(
                "로트. 로트를 관리하지 않는 접종기관은 빈칸",
                "lot number; empty at a clinic that keeps no lots here",
            ),
        ),
        day("expires_on", "유효기한", "expires", "lot__expires_on"),
        moment("given_at", "접종 시각", "given", "given_at", required=True),
        moment("recorded_at", "기록 시각", "recorded", "recorded_at", required=True),
        code(
            "late_reason", "늦은 기록 사유", "reason of the late record", "late_reason", LateReason
        ),
        code("site", "접종 부위", "site", "site", Site),
        code("identity", "본인 확인", "identity check", "identity", IdentityCheck),
        text("clinic", "접종기관 코드", "clinic code", "clinic__code", required=True),
        text("clinic_name", "접종기관", "clinic", "clinic__name", required=True),
        text("region", "시·도", "region", "clinic__region", required=True),
        text("district", "시·군·구", "district", "clinic__district", required=True),
        text("cohort", "대상군 코드", "cohort code", f"{_COHORT}__code"),
        *people("given_at"),
    ),
)

# Scoped by where the person lives, since the place is no clinic of ours.
DOSES_ELSEWHERE = Export(
    name="doses-elsewhere",
    title=Words("다른 곳에서 받은 접종", "Doses given elsewhere"),
    about=Words(
        "직원이 기록한 다른 곳의 접종 한 건", "one dose given elsewhere, as staff recorded it"
    ),
    version=1,
    since=date(2026, 11, 29),
    period=Words("접종일", "day of the dose"),
    source=Table(
        model=OutsideDose,
        period="given_on",
        period_is_day=True,
        order=("given_on", "pk"),
        region_path="person",
        person_path="person",
    ),
    columns=(
        number("record", "기록 번호", "record", "pk", required=True, joins=True),
        number("dose", "차수", "dose", "dose", required=True),
        text("vaccine", "백신 코드", "vaccine code", "vaccine__code", required=True),
        day("given_on", "접종일", "given on", "given_on", required=True),
        text("place", "접종한 곳", "place", "place"),
        moment("recorded_at", "기록 시각", "recorded", "recorded_at", required=True),
        text("region", "거주 시·도", "region of residence", "person__region"),
        text("district", "거주 시·군·구", "district of residence", "person__district"),
        *people("given_on", on_sql="{0}"),
    ),
)

# Counts of one clinic and day may be small: for staff, and not for the public as they are.
UPTAKE = Export(
    name="uptake",
    title=Words("접종 실적", "Uptake"),
    about=Words(
        "하루의 대상군·지역·접종기관·백신별 접종. 뺀 열은 합산됨",
        "doses of a day by cohort, region, clinic and vaccine; columns left out are added up",
    ),
    version=1,
    since=date(2026, 11, 29),
    period=_GIVEN,
    source=Table(model=DoseGiven, period="given_at", clinic_path="clinic", cohort_path=_COHORT),
    columns=(
        day_of("day", "날짜", "day", "given_at", required=True),
        text(
            "cohort",
            "대상군 코드",
            "cohort code",
            f"{_COHORT}__code",
            note=Words(
                "대상군. 직원이 줄 없이 예약했으면 빈칸",
                "cohort; empty if staff booked without a line",
            ),
        ),
        text("region", "시·도", "region", "clinic__region", required=True),
        text("district", "시·군·구", "district", "clinic__district", required=True),
        text("clinic", "접종기관 코드", "clinic code", "clinic__code", required=True),
        text("clinic_name", "접종기관", "clinic", "clinic__name", required=True),
        text("vaccine", "백신 코드", "vaccine code", "vaccine__code", required=True),
        number("dose", "차수", "dose", "dose_number", required=True),
        total("doses", "접종 수", "doses", Count("pk")),
    ),
)
