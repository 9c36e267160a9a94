from django.core.management.base import CommandError

from waiting_room.models import Room


def room_by_code(code: str) -> Room:
    room = Room.objects.select_related("cohort", "line", "board").filter(cohort__code=code).first()
    if room is None:
        codes = Room.objects.order_by("cohort__code").values_list("cohort__code", flat=True)
        raise CommandError(f"There is no room “{code}”. Rooms: {', '.join(codes) or 'none'}.")
    return room
