from waiting_room.services.drawing import open_secret, state_value
from waiting_room.services.entering import (
    admission_in_session,
    end_admission,
    enter,
    extend_admission,
    knock,
    lapse_admissions,
    live_admission,
)
from waiting_room.services.joining import issue_ticket, leave_line
from waiting_room.services.people_before import waiting_before
from waiting_room.services.provisional_tickets import settle_provisional
from waiting_room.services.rooms import (
    add_officer,
    close_room,
    open_room,
    open_rooms,
    pause_room,
    report_booking,
    resume_room,
    set_draw_plan,
    set_joins_from,
    set_pace,
    set_witness_plan,
)
from waiting_room.services.telling import cancel_alert, request_alert, send_alerts
from waiting_room.services.ticking import tick_room, tick_rooms

__all__ = [
    "add_officer",
    "admission_in_session",
    "cancel_alert",
    "close_room",
    "end_admission",
    "enter",
    "extend_admission",
    "issue_ticket",
    "knock",
    "lapse_admissions",
    "leave_line",
    "live_admission",
    "open_room",
    "open_rooms",
    "open_secret",
    "pause_room",
    "report_booking",
    "request_alert",
    "resume_room",
    "send_alerts",
    "set_draw_plan",
    "set_joins_from",
    "set_pace",
    "set_witness_plan",
    "settle_provisional",
    "state_value",
    "tick_room",
    "tick_rooms",
    "waiting_before",
]
