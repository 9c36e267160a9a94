"""A test client for staff, signed in with all steps."""

from django.test import Client
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.oath import totp

from staff.door.steps import PROVED
from staff.models import Authenticator, User
from staff.models.devices import new_key
from staff.sessions import BEGAN, SEEN


class StaffClient(Client):
    """`force_login` signs staff in with a second factor; `half=True` with the password alone."""

    def force_login(self, user: User, backend: str | None = None, *, half: bool = False) -> None:
        super().force_login(user, backend)
        session = self.session
        session[BEGAN] = session[SEEN] = now = int(timezone.now().timestamp())
        if not half:
            session[PROVED] = now
            session[DEVICE_ID_SESSION_KEY] = authenticator_of(user).persistent_id
        session.save()


def authenticator_of(user: User) -> Authenticator:
    device = Authenticator.objects.filter(user=user).first()
    return device or Authenticator.objects.create(user=user, name="totp", key=new_key())


def code_of(device: Authenticator) -> str:
    """The code that the app would show now."""
    return f"{totp(bytes.fromhex(device.key)):06}"
