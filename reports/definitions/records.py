"""Exports of what the portal did and who looked: messages, acts of staff, accesses to people."""

from datetime import date

from django.apps import apps
from django.db.models import Model, Q, QuerySet

from messaging.enums import Channel, MessageStatus, Receipt
from messaging.models import Message
from reports.columns import code, moment, number, text
from reports.exports import Export, Statement, Table
from reports.words import Words
from staff.enums import Act, Role
from staff.models import Access, User
from staff.scoping import rows_for

# Without `key`, which names a reservation or a ticket, and without what a gateway answered; the
# reason of a report is a code of the provider.
MESSAGES = Export(
    name="messages",
    title=Words("메시지", "Messages"),
    about=Words(
        "메시지 한 건. 받는 사람과 내용은 제외", "one message, without its receiver and its text"
    ),
    version=3,
    since=date(2026, 11, 30),
    period=Words("작성 시각", "time of writing"),
    source=Table(model=Message, period="created_at", order=("created_at", "pk")),
    columns=(
        number("message", "메시지 번호", "message", "pk", required=True),
        moment("created_at", "작성 시각", "created", "created_at", required=True),
        code("kind", "종류", "kind", "kind", required=True),
        code("channel", "수단", "channel", "channel", Channel, required=True),
        code("status", "상태", "status", "status", MessageStatus, required=True),
        number("tries", "시도", "tries", "tries", required=True),
        moment("sent_at", "발송 시각", "sent", "sent_at"),
        text("gateway", "발송 경로", "gateway", "gateway"),
        code(
            "receipt",
            "도달 여부",
            "delivery",
            "receipt",
            Receipt,
            sql="NULLIF({0}, '')",
            note=Words(
                "발송 기관이 알려 온 도달 여부. 알려 오지 않으면 빈칸",
                "what the provider reported; empty without a report",
            ),
        ),
        moment("receipt_at", "도달 보고 시각", "reported", "receipt_at"),
        text("receipt_reason", "미도달 사유 코드", "reason of no delivery", "receipt_reason"),
    ),
)


def _tracked() -> list[type[Model]]:
    """The models of pghistory's events."""
    return [
        model
        for model in apps.get_models()
        if {"pgh_obj", "pgh_context"} <= {field.name for field in model._meta.concrete_fields}
    ]


def _changes(model: type[Model]) -> str:
    # The model whose rows the event model records.
    tracked = model._meta.get_field("pgh_obj").related_model
    label = tracked._meta.label_lower  # type: ignore[union-attr]
    # Names of tables and models of ours.
    return f"""
        SELECT event.pgh_created_at AS at, '{label}' AS object, event.pgh_obj_id::text AS row,
            CASE event.pgh_label WHEN 'before' THEN 'update' ELSE event.pgh_label END AS act,
            (context.metadata ->> 'user')::bigint AS user_id, context.metadata ->> 'by' AS by,
            '1' || event.pgh_id AS place
        FROM {model._meta.db_table} AS event
        JOIN pghistory_context AS context ON context.id = event.pgh_context_id
    """  # noqa: S608


# What no history has: acts on a line, and signing in. An act of staff is `staff:<id>`.
_OTHERS = """
    SELECT at, 'waiting_room.room', room_id::text, act, split_part(by, ':', 2)::bigint, NULL,
        '2' || id
    FROM waiting_room_step WHERE by ~ '^staff:[0-9]+$'
    UNION ALL
    SELECT at, 'events.recordedevent', reservation_id::text, kind,
        split_part(actor, ':', 2)::bigint, NULL, '3' || id
    FROM events_recordedevent WHERE actor ~ '^staff:[0-9]+$'
    UNION ALL
    SELECT at, 'staff.session', NULL, act, user_id, nullif(by, ''), '4' || id
    FROM staff_access WHERE act IN ('log_in', 'log_in_refused')
"""


def _acts() -> str:
    parts = " UNION ALL ".join([*(_changes(model) for model in _tracked()), _OTHERS])
    return f"""
        SELECT acts.*, coalesce(staff.username, acts.by) AS actor, staff.role
        FROM ({parts}) AS acts LEFT JOIN staff_user AS staff ON staff.id = acts.user_id
        WHERE acts.user_id IS NOT NULL OR acts.by IS NOT NULL
    """  # noqa: S608


def _staff_of(user: User) -> QuerySet[User]:
    # As the list of accounts: a clinic's manager would see those of the clinic.
    return rows_for(user, User.objects.all(), clinic_path="clinic")


STAFF_ACTS = Export(
    name="staff-acts",
    title=Words("직원의 처리", "Acts of staff"),
    about=Words(
        "직원이나 명령이 바꾼 것 한 건, 또는 로그인 한 번",
        "one change by staff or a command, or one sign-in",
    ),
    version=1,
    since=date(2026, 11, 29),
    period=Words("처리 시각", "time of the act"),
    source=Statement(
        sql=_acts(),
        period="at",
        changed="at",
        order=("at", "object", "place"),
        scope="user_id",
        scoped=_staff_of,
    ),
    columns=(
        moment("at", "시각", "time", "at", required=True),
        text("by", "처리한 사람", "by", "actor", required=True),
        code("role", "역할", "role", "role", Role),
        code("object", "대상", "object", "object", required=True),
        code(
            "row",
            "대상 번호",
            "row",
            "row",
            note=Words("대상의 내부 번호", "the number of the row in the portal"),
        ),
        code("act", "처리", "act", "act", required=True),
    ),
)

# Whose data it was stays in the record, where it is found by a person's number.
ACCESS = Export(
    name="access",
    title=Words("개인정보 열람", "Access to people's data"),
    about=Words(
        "개인정보를 보거나 받은 한 번. 누구의 것인지는 제외",
        "one look at or taking of people's data, without saying whose",
    ),
    version=1,
    since=date(2026, 11, 29),
    period=Words("열람 시각", "time of the access"),
    source=Table(
        model=Access,
        period="at",
        changed="at",
        order=("at", "pk"),
        narrow=~Q(act__in=[Act.LOG_IN, Act.LOG_IN_REFUSED]),
    ),
    columns=(
        number("record", "기록 번호", "record", "pk", required=True),
        moment("at", "시각", "time", "at", required=True),
        text("user", "직원", "user", "user__username"),
        text("command", "명령", "command", "by"),
        code("role", "역할", "role", "user__role", Role),
        text("address", "주소", "address", "address", sql="host({0})"),
        code("act", "행위", "act", "act", Act, required=True),
        text("what", "대상", "what", "what", required=True),
        number(
            "people",
            "사람 수",
            "people",
            "people",
            required=True,
            # A larger number of people is kept as a set.
            also=("people_set__size",),
            sql="coalesce({1}, jsonb_array_length({0}))",
            note=Words("본 사람의 수", "how many people were seen"),
        ),
        text("reason", "사유", "reason", "reason"),
    ),
)
