import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from database.clock import database_now
from waiting_room.enums import DrawSource
from waiting_room.exceptions import CantChange
from waiting_room.management.rooms import room_by_code
from waiting_room.models import Room
from waiting_room.now_document import state_of
from waiting_room.services import drawing, rooms
from waiting_room.services.log_keys import keys_for_every_room
from web.commands import PortalCommand


class Command(PortalCommand):
    help = "Look at the waiting rooms, and run them: pause, resume, close, pace, and the draw."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--by", default="operator", help="who acts, for the record")
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        acts.add_parser("list", help="all rooms")
        acts.add_parser("keys", help="the public keys of all logs, for witnesses")
        for act, text in [
            ("show", "one room, as the last tick saw it"),
            ("pause", "call nobody until resumed"),
            ("resume", "go on calling"),
            ("close", "end the line for good"),
            ("pace", "how many at once, and how many a minute"),
            ("draw", "where the number of the draw comes from"),
            ("witnesses", "how many witnesses the line waits for, and how long"),
            ("officer", "an officer's commitment to a secret of the draw"),
            ("open-secret", "an officer's secret, once the list is closed"),
            ("state-value", "the public value that the plan of the draw names"),
            ("joins-from", "from when people may gather"),
        ]:
            sub = acts.add_parser(act, help=text)
            sub.add_argument("room", help="the cohort's code")
            if act == "pause":
                sub.add_argument("--ko", default="", help="what the public is told, in Korean")
                sub.add_argument("--en", default="", help="and in English")
            if act == "pace":
                sub.add_argument("--at-once", type=int, required=True)
                sub.add_argument("--per-minute", type=int, required=True)
            if act == "draw":
                sub.add_argument("source", choices=DrawSource.values)
                sub.add_argument("--statement", default="", help="which public value counts")
            if act == "witnesses":
                sub.add_argument("--quorum", type=int, required=True)
                sub.add_argument("--minutes", type=int, default=5)
            if act == "officer":
                sub.add_argument("name")
                sub.add_argument("commitment", help="64 hexadecimal digits")
            if act == "open-secret":
                sub.add_argument("name")
                sub.add_argument("secret", help="64 hexadecimal digits")
            if act == "state-value":
                sub.add_argument("value")
            if act == "joins-from":
                sub.add_argument("time", help="ISO 8601; Asia/Seoul if no zone is given")

    def handle(self, *, act: str, by: str, **options: Any) -> None:
        if act == "list":
            self.list()
            return
        if act == "keys":
            self.stdout.write("\n".join(keys_for_every_room()))
            return
        room = room_by_code(options["room"])
        try:
            # 40 letters: the length of the column Step.by.
            room = self.do(act, room, f"command:{by}"[:40], options)
        except CantChange as refusal:
            raise CommandError(str(refusal)) from refusal
        self.show(room_by_code(room.cohort.code))

    def do(self, act: str, room: Room, by: str, options: dict[str, Any]) -> Room:
        """Carry out one act by its service; CantChange if the room's state forbids it."""
        if act == "pause":
            messages = {"message_ko": options["ko"], "message_en": options["en"]}
            return rooms.pause_room(room=room, by=by, **messages)
        if act == "resume":
            return rooms.resume_room(room=room, by=by)
        if act == "close":
            return rooms.close_room(room=room, by=by)
        if act == "pace":
            pace = {"max_active": options["at_once"], "max_per_minute": options["per_minute"]}
            return rooms.set_pace(room=room, by=by, **pace)
        if act == "draw":
            plan = {"source": options["source"], "statement": options["statement"]}
            return rooms.set_draw_plan(room=room, by=by, **plan)
        if act == "witnesses":
            plan = {"quorum": options["quorum"], "minutes": options["minutes"]}
            return rooms.set_witness_plan(room=room, by=by, **plan)
        if act == "officer":
            officer = {"name": options["name"], "commitment": options["commitment"]}
            return rooms.add_officer(room=room, by=by, **officer).room
        if act == "open-secret":
            secret = {"name": options["name"], "secret": options["secret"]}
            return drawing.open_secret(room=room, by=by, **secret).room
        if act == "state-value":
            return drawing.state_value(room=room, value=options["value"], by=by)
        if act == "joins-from":
            at = parse_datetime(options["time"])
            if at is None:
                raise CommandError(f"“{options['time']}” is no time; write 2026-07-12T19:00.")
            at = make_aware(at) if is_naive(at) else at
            return rooms.set_joins_from(room=room, at=at, by=by)
        return room

    def list(self) -> None:
        now = database_now()
        for room in Room.objects.select_related("cohort", "line", "board").order_by("cohort"):
            issued = room.board.document.get("issued", 0)
            self.stdout.write(
                f"{room.cohort.code:20} {state_of(room, now):10} "
                f"called {room.line.serving:,} of {issued:,}, {room.line.active} inside"
            )

    def show(self, room: Room) -> None:
        self.stdout.write(f"{room.cohort.code}: {state_of(room, database_now())}")
        self.stdout.write(
            f"inside {room.line.active} of {room.max_active}, pace {room.line.pace:.0f} of "
            f"{room.max_per_minute} a minute, last tick {room.line.ticked_at}"
        )
        self.stdout.write(json.dumps(room.board.reasons, ensure_ascii=False))
        self.stdout.write(json.dumps(room.board.document, ensure_ascii=False))
