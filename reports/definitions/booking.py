"""Exports of appointments, places and the cancellation list."""

from datetime import date

from django.db.models import Count, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from booking.enums import EntryStatus, Origin, ReservationStatus
from booking.models import ListEntry, Reservation, Slot
from booking.services.offers import entries_at
from reports.columns import (
    code,
    day,
    day_of,
    flag,
    moment,
    number,
    people,
    text,
    total,
)
from reports.exports import Export, Table
from reports.words import Words

_APPOINTMENT = Words("예약 시각(접종 시각)", "time of the appointment")
_COHORT = "admission__room__cohort"
# Came, or was to come: what lapsed or was given up before the confirmation is no appointment.
_DUE = [
    ReservationStatus.CONFIRMED,
    ReservationStatus.ARRIVED,
    ReservationStatus.VACCINATED,
    ReservationStatus.NOT_DONE,
    ReservationStatus.NO_SHOW,
]
_WITH_STATUS = {
    status: Count("pk", filter=Q(status=status)) for status in [*_DUE, ReservationStatus.CANCELLED]
}

# Version 1 was the only export there was: its times had neither seconds nor a zone.
RESERVATIONS = Export(
    name="reservations",
    title=Words("예약", "Reservations"),
    about=Words(
        "예약 한 건. 취소되었거나 확정되지 않은 것도 포함",
        "one reservation, also one that was cancelled or never confirmed",
    ),
    version=2,
    since=date(2026, 11, 29),
    period=_APPOINTMENT,
    source=Table(
        model=Reservation,
        period="slot__starts_at",
        order=("slot__starts_at", "number"),
        clinic_path="slot__clinic",
        cohort_path=_COHORT,
        person_path="person",
        changed="changed_at",
    ),
    columns=(
        code("number", "예약번호", "reservation number", "number", required=True, joins=True),
        code("status", "상태", "status", "status", ReservationStatus, required=True),
        number("dose", "차수", "dose", "dose", required=True),
        text("vaccine", "백신 코드", "vaccine code", "slot__vaccine__code", required=True),
        moment(
            "starts_at",
            "접종 시각",
            "appointment",
            "slot__starts_at",
            required=True,
            shared=True,
        ),
        text("clinic", "접종기관 코드", "clinic code", "slot__clinic__code", required=True),
        text("clinic_name", "접종기관", "clinic", "slot__clinic__name", required=True),
        text("region", "시·도", "region", "slot__clinic__region", required=True),
        text("district", "시·군·구", "district", "slot__clinic__district", required=True),
        text(
            "cohort",
            "대상군 코드",
            "cohort code",
            f"{_COHORT}__code",
            note=Words(
                "입장한 대기실의 대상군. 직원이 줄 없이 예약했으면 빈칸",
                "cohort of the line it was booked from; empty if staff booked it without a line",
            ),
        ),
        code("origin", "예약 경로", "origin", "origin", Origin, required=True),
        moment(
            "booked_at",
            "확정 시각",
            "confirmed",
            "confirmed_at",
            note=Words("확정 시각. 잡아 둔 동안은 빈칸", "time of confirmation; empty while held"),
        ),
        moment(
            "given_at",
            "접종한 시각",
            "vaccinated",
            "dose_given__given_at",
            note=Words(
                "접종한 시각. 아직 접종하지 않았으면 빈칸",
                "when the dose was given; empty as long as it was not",
            ),
        ),
        moment("changed_at", "마지막 변경", "last change", "changed_at", required=True),
        *people("slot__starts_at"),
    ),
)

# By subqueries: with reservations joined to it, a slot would add its capacity once for each.
_TAKEN = Reservation.objects.filter(slot=OuterRef("pk"))


def _of_slot(status: ReservationStatus) -> Coalesce:
    """How many reservations of a slot have this status."""
    rows = _TAKEN.filter(status=status).order_by().values("slot")
    return Coalesce(Subquery(rows.annotate(count=Count("pk")).values("count")), 0)


CAPACITY = Export(
    name="capacity",
    title=Words("예약 자리와 이용", "Capacity and its use"),
    about=Words(
        "하루의 접종기관과 백신. 뺀 열은 합산됨",
        "a day of a clinic and a vaccine; columns that are left out are added up",
    ),
    version=1,
    since=date(2026, 11, 29),
    period=_APPOINTMENT,
    source=Table(model=Slot, period="starts_at", clinic_path="clinic"),
    columns=(
        day_of("day", "날짜", "day", "starts_at", required=True),
        text("region", "시·도", "region", "clinic__region", required=True),
        text("district", "시·군·구", "district", "clinic__district", required=True),
        text("clinic", "접종기관 코드", "clinic code", "clinic__code", required=True),
        text("clinic_name", "접종기관", "clinic", "clinic__name", required=True),
        text("vaccine", "백신 코드", "vaccine code", "vaccine__code", required=True),
        total("times", "예약 시간 수", "times", Count("pk")),
        total("capacity", "정원", "capacity", Sum("capacity")),
        total(
            "margin",
            "추가 예약",
            "margin",
            Sum("margin"),
            note=Words(
                "오지 않는 사람을 고려해 더 받은 자리", "places beyond, for people who do not come"
            ),
        ),
        total(
            "booked",
            "찬 자리",
            "taken",
            Sum("booked"),
            note=Words(
                "잡아 둔 자리와 예약된 자리. 온 사람과 오지 않은 사람 포함",
                "places held or booked, whether the person came or not",
            ),
        ),
        total("vaccinated", "접종", "vaccinated", Sum(_of_slot(ReservationStatus.VACCINATED))),
        total("no_shows", "미방문", "did not come", Sum(_of_slot(ReservationStatus.NO_SHOW))),
    ),
)

# Of appointments alone: what was never confirmed neither came nor stayed away.
NO_SHOWS = Export(
    name="no-shows",
    title=Words("미방문", "No-shows"),
    about=Words(
        "하루의 접종기관과 백신의 예약. 뺀 열은 합산됨",
        "the appointments of a day at a clinic for a vaccine; columns left out are added up",
    ),
    version=1,
    since=date(2026, 11, 29),
    period=_APPOINTMENT,
    source=Table(
        model=Reservation,
        period="slot__starts_at",
        clinic_path="slot__clinic",
        cohort_path=_COHORT,
        narrow=Q(status__in=list(_WITH_STATUS)),
    ),
    columns=(
        day_of("day", "날짜", "day", "slot__starts_at", required=True),
        text("region", "시·도", "region", "slot__clinic__region", required=True),
        text("district", "시·군·구", "district", "slot__clinic__district", required=True),
        text("clinic", "접종기관 코드", "clinic code", "slot__clinic__code", required=True),
        text("clinic_name", "접종기관", "clinic", "slot__clinic__name", required=True),
        text("vaccine", "백신 코드", "vaccine code", "slot__vaccine__code", required=True),
        total(
            "due",
            "예약",
            "appointments",
            Count("pk", filter=Q(status__in=_DUE)),
            note=Words(
                "취소되지 않은 예약. 다음 네 열과 아직 표시되지 않은 예약의 합",
                "appointments that were not cancelled: the next four and those without a mark",
            ),
        ),
        total("vaccinated", "접종", "vaccinated", _WITH_STATUS[ReservationStatus.VACCINATED]),
        total("arrived", "도착", "arrived", _WITH_STATUS[ReservationStatus.ARRIVED]),
        total(
            "not_done",
            "방문, 미접종",
            "came, not vaccinated",
            _WITH_STATUS[ReservationStatus.NOT_DONE],
        ),
        total("no_shows", "미방문", "did not come", _WITH_STATUS[ReservationStatus.NO_SHOW]),
        total("cancelled", "취소", "cancelled", _WITH_STATUS[ReservationStatus.CANCELLED]),
    ),
)

# An entry names clinics and districts: staff see those that concern a clinic of theirs.
CANCELLATION_LIST = Export(
    name="cancellation-list",
    title=Words("취소분 대기", "Cancellation list"),
    about=Words("취소분 대기 신청 한 건", "one entry of the cancellation list"),
    version=1,
    since=date(2026, 11, 29),
    period=Words("신청 시각", "time of joining the list"),
    source=Table(
        model=ListEntry,
        period="joined_at",
        order=("joined_at", "pk"),
        cohort_path=_COHORT,
        person_path="person",
        at_clinics=lambda clinics: entries_at(clinics=clinics),
    ),
    columns=(
        number("entry", "신청 번호", "entry", "pk", required=True, joins=True),
        moment("joined_at", "신청 시각", "joined", "joined_at", required=True),
        code("status", "상태", "status", "status", EntryStatus, required=True),
        number("dose", "차수", "dose", "dose", required=True),
        text(
            "vaccine",
            "백신 코드",
            "vaccine code",
            "vaccine__code",
            note=Words("원하는 백신. 빈칸은 상관없음", "wanted vaccine; empty for any"),
        ),
        day("date_from", "시작일", "from day", "date_from", required=True),
        day("date_to", "종료일", "until day", "date_to", required=True),
        flag("leftover", "당일 잔여", "leftover doses", "leftover", required=True),
        number("priority", "우선순위", "priority", "priority", required=True),
        text("cohort", "대상군 코드", "cohort code", f"{_COHORT}__code"),
        text("region", "거주 시·도", "region of residence", "person__region"),
        text("district", "거주 시·군·구", "district of residence", "person__district"),
        moment("ended_at", "종료 시각", "ended", "ended_at"),
        *people("joined_at"),
    ),
)
