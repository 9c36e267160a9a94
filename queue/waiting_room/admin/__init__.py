"""The waiting room in the admin."""

from waiting_room.admin.rooms import RoomAdmin
from waiting_room.admin.tickets import TicketAdmin

__all__ = ["RoomAdmin", "TicketAdmin"]
