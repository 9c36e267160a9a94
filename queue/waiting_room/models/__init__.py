from waiting_room.models.acts import OperatorAct
from waiting_room.models.cosignatures import AskedWitness, Cosignature
from waiting_room.models.lines import Board, Estimate, Line
from waiting_room.models.log import LogPage, Step
from waiting_room.models.minutes import RoomMinute
from waiting_room.models.rooms import JOINABLE_FROM, DrawOfficer, Room
from waiting_room.models.tickets import Admission, Alert, DoorWait, Ticket

__all__ = [
    "JOINABLE_FROM",
    "Admission",
    "Alert",
    "AskedWitness",
    "Board",
    "Cosignature",
    "DoorWait",
    "DrawOfficer",
    "Estimate",
    "Line",
    "LogPage",
    "OperatorAct",
    "Room",
    "RoomMinute",
    "Step",
    "Ticket",
]
