import secrets
from typing import Any

from waiting_room.draw import commitment
from web.commands import PortalCommand


class Command(PortalCommand):
    help = "Make a secret for an officer of a draw, and its commitment; nothing is stored."

    def handle(self, **options: Any) -> None:
        secret = secrets.token_bytes(32)
        self.stdout.write(f"secret      {secret.hex()}   (tell nobody before the list is closed)")
        self.stdout.write(f"commitment  {commitment(secret)}   (give this to the operator now)")
