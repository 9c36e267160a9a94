"""Exports of the line, of reviews and of complaints."""

from datetime import date

from django.db.models import QuerySet

from eligibility.enums import Reason, ReviewReason, ReviewStatus
from eligibility.models import Review
from events.enums import ComplaintReason
from events.models import Complaint
from reports.columns import code, flag, moment, number, people, text
from reports.exports import Export, Statement, Table
from reports.words import Words
from staff.models import User
from staff.scoping import rows_for
from waiting_room.models import Room

# One row for each minute in which something happened in a room; running totals reach back to its
# beginning, whatever the period. A place that left the line before its call is called all the same.
_MINUTES = """
SELECT cohort.code AS room, minute.*,
    round(stood.pace)::bigint AS pace, round(stood.latency * 1000)::bigint AS milliseconds,
    round(stood.error_rate * 1000)::bigint AS errors_per_mille,
    (
        SELECT string_agg(reason ->> 'code', ' ')
        FROM jsonb_array_elements(stood.reasons) AS reason
    ) AS reasons,
    sum(minute.joined) OVER before AS joined_in_all,
    sum(minute.called) OVER before AS called_in_all,
    greatest(sum(minute.joined) OVER before - sum(minute.called) OVER before, 0) AS waiting,
    sum(minute.entered - minute.ended) OVER before AS inside,
    coalesce((
        SELECT step.act = 'pause' FROM waiting_room_step AS step
        WHERE step.room_id = minute.room_id AND step.act IN ('pause', 'resume')
            AND step.at < minute.minute + interval '1 minute'
        ORDER BY step.id DESC LIMIT 1
    ), false) AS paused,
    (
        SELECT (step.details ->> 'max_per_minute')::bigint FROM waiting_room_step AS step
        WHERE step.room_id = minute.room_id AND step.act = 'pace'
            AND step.at < minute.minute + interval '1 minute'
        ORDER BY step.id DESC LIMIT 1
    ) AS most_per_minute
FROM (
    SELECT room_id, date_trunc('minute', at) AS minute,
        sum(joined)::bigint AS joined, sum(called)::bigint AS called,
        sum(entered)::bigint AS entered, sum(ended)::bigint AS ended,
        sum(booked)::bigint AS booked, sum(ran_out)::bigint AS ran_out,
        sum(estimates)::bigint AS estimates, sum(estimates_held)::bigint AS estimates_held
    FROM (
        SELECT room_id, joined_at AS at, 1 AS joined, 0 AS called, 0 AS entered, 0 AS ended,
            0 AS booked, 0 AS ran_out, 0 AS estimates, 0 AS estimates_held
        FROM waiting_room_ticket
        UNION ALL
        SELECT room_id, at, 0, last - first + 1, 0, 0, 0, 0, 0, 0
        FROM waiting_room_step WHERE act = 'call'
        UNION ALL
        SELECT room_id, entered_at, 0, 0, 1, 0, 0, 0, 0, 0 FROM waiting_room_admission
        UNION ALL
        SELECT room_id, ended_at, 0, 0, 0, 1, (ending = 'booked')::int, (ending = 'lapsed')::int,
            0, 0
        FROM waiting_room_admission WHERE ended_at IS NOT NULL
        UNION ALL
        -- A published range held if the call came within it, as the log's totals count it.
        SELECT room_id, called_at, 0, 0, 0, 0, 0, 0, 1,
            (called_at - given_at BETWEEN low * interval '1 second'
                AND high * interval '1 second')::int
        FROM waiting_room_estimate WHERE called_at IS NOT NULL
    ) AS happened
    GROUP BY room_id, date_trunc('minute', at)
) AS minute
JOIN waiting_room_room AS room ON room.id = minute.room_id
JOIN eligibility_cohort AS cohort ON cohort.id = room.cohort_id
LEFT JOIN waiting_room_roomminute AS stood
    ON stood.room_id = minute.room_id AND stood.minute = minute.minute
WINDOW before AS (PARTITION BY minute.room_id ORDER BY minute.minute)
"""


def _rooms_of(user: User) -> QuerySet[Room]:
    # A room belongs to no clinic and no district: only those who see everything have rows.
    return rows_for(user, Room.objects.all())


WAITING = Export(
    name="waiting",
    title=Words("대기", "Waiting"),
    about=Words(
        "대기실의 1분. 아무 일도 없던 분은 줄이 없음",
        "a minute of a room; a minute in which nothing happened has no row",
    ),
    version=2,
    since=date(2026, 11, 29),
    period=Words("분", "the minute"),
    source=Statement(
        sql=_MINUTES,
        period="minute",
        changed="minute",
        order=("minute", "room"),
        scope="room_id",
        scoped=_rooms_of,
        cohort="room",
    ),
    columns=(
        moment("minute", "분", "minute", "minute", required=True),
        text("room", "대상군 코드", "cohort code", "room", required=True),
        number("joined", "줄 선 사람", "joined", "joined", required=True),
        number("called", "호출", "called", "called", required=True),
        number("entered", "입장", "entered", "entered", required=True),
        number("booked", "예약하고 나감", "left with a booking", "booked", required=True),
        number("ran_out", "시간 초과", "ran out of time", "ran_out", required=True),
        number(
            "waiting",
            "대기 중",
            "waiting",
            "waiting",
            required=True,
            note=Words(
                "그 분이 끝날 때 아직 호출하지 않은 사람. 줄을 떠난 사람 포함",
                "not called yet at the end of the minute, with those who left the line",
            ),
        ),
        number(
            "inside",
            "예약 중",
            "inside",
            "inside",
            required=True,
            note=Words("그 분이 끝날 때 예약 중인 사람", "inside at the end of the minute"),
        ),
        number("joined_in_all", "줄 선 사람 누계", "joined so far", "joined_in_all", required=True),
        number("called_in_all", "호출 누계", "called so far", "called_in_all", required=True),
        number(
            "most_per_minute",
            "분당 상한",
            "most per minute",
            "most_per_minute",
            note=Words("운영자가 정한 분당 호출의 상한", "the operator's limit of calls a minute"),
        ),
        flag(
            "paused",
            "멈춤",
            "paused",
            "paused",
            required=True,
            note=Words("그 분이 끝날 때 멈춰 있었는지", "paused at the end of the minute"),
        ),
        number(
            "estimates",
            "끝난 예상",
            "estimates that ended",
            "estimates",
            required=True,
            note=Words(
                "그 분에 호출로 결과가 나온 대기 시간 예상",
                "published waiting times whose place was called in that minute",
            ),
        ),
        number(
            "estimates_held",
            "맞은 예상",
            "estimates that held",
            "estimates_held",
            required=True,
            note=Words("그중 범위 안에 든 것", "those of them whose range held"),
        ),
        number(
            "pace",
            "분당 호출 한도",
            "pace",
            "pace",
            note=Words(
                "그 분이 끝날 때의 분당 호출 한도", "called per minute at most, at the end of it"
            ),
        ),
        code(
            "reasons",
            "한도의 이유",
            "reasons of the pace",
            "reasons",
            note=Words(
                "그 분에 있던 이유의 코드, 잦은 것부터: paused, witnesses, line_empty, room, rate, "
                "slowed, steady, rising, absent_expected, caught_up",
                "codes of the reasons in that minute, the most frequent first: paused, witnesses, "
                "line_empty, room, rate, slowed, steady, rising, absent_expected, caught_up",
            ),
        ),
        number(
            "milliseconds",
            "예약 화면 응답(밀리초)",
            "milliseconds of a booking page",
            "milliseconds",
            note=Words(
                "그 분에 가장 느렸던 30초 평균. 요청이 적었으면 빈칸",
                "the slowest mean of half a minute; empty with few requests",
            ),
        ),
        number(
            "errors_per_mille",
            "예약 화면 오류(천분율)",
            "errors of booking pages, per mille",
            "errors_per_mille",
        ),
    ),
)

# Without `note`, which is what the person wrote.
REVIEWS = Export(
    name="reviews",
    title=Words("재확인 요청", "Reviews"),
    about=Words(
        "자격 판정에 대한 재확인 요청 한 건. 적은 글은 제외",
        "one review of an eligibility decision, without what the person wrote",
    ),
    version=1,
    since=date(2026, 11, 29),
    period=Words("신청 시각", "time of the request"),
    source=Table(
        model=Review,
        period="opened_at",
        order=("opened_at", "pk"),
        region_path="person",
        cohort_path="cohort",
        person_path="person",
    ),
    columns=(
        number("review", "신청 번호", "review", "pk", required=True, joins=True),
        moment("opened_at", "신청 시각", "opened", "opened_at", required=True),
        moment("closed_at", "처리 시각", "closed", "closed_at"),
        code("status", "상태", "status", "status", ReviewStatus, required=True),
        text("cohort", "대상군 코드", "cohort code", "cohort__code", required=True),
        code("reason", "사유", "reason", "reason", ReviewReason, required=True),
        code("doubted", "재확인할 판정", "doubted answer", "doubted", Reason),
        text("region", "거주 시·도", "region of residence", "person__region"),
        text("district", "거주 시·군·구", "district of residence", "person__district"),
        *people("opened_at"),
    ),
)

# Scoped by the desk that took the call: its caller may live elsewhere.
COMPLAINTS = Export(
    name="complaints",
    title=Words("민원", "Complaints"),
    about=Words("전화로 받은 민원 한 건", "one complaint on the telephone"),
    version=1,
    since=date(2026, 11, 29),
    period=Words("접수 시각", "time of the call"),
    source=Table(
        model=Complaint,
        period="at",
        changed="at",
        order=("at", "pk"),
        region_path="",
    ),
    columns=(
        number("complaint", "민원 번호", "complaint", "pk", required=True),
        moment("at", "접수 시각", "time", "at", required=True),
        code("reason", "사유", "reason", "reason", ComplaintReason, required=True),
        text("region", "접수 시·도", "region of the desk", "region"),
        text("district", "접수 시·군·구", "district of the desk", "district"),
    ),
)
