"""What a stranger types as a receiver is data: it changes no channel and adds nobody."""

import os
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from booking.forms import ConfirmForm
from launcher.processes import free_port
from messaging import channels
from messaging.channels import ChannelProblem, check_settings, deliver
from messaging.enums import Channel
from messaging.receivers import BadReceiver, checked_receiver
from messaging.services import write_message
from waiting_room.forms import AlertForm

FORMS = {"query": "?from=jari@agency.example&to={to}", "path": "/{to}?from=jari@agency.example"}

pytestmark = pytest.mark.django_db  # which gateways rest stands there


class Mailbox:
    """A mail server that keeps what it was told: log-ins, and for each mail its receivers."""

    def __init__(self) -> None:
        self.logins: list[bytes] = []
        self.receivers: list[list[str]] = []
        self.mails: list[EmailMessage] = []
        self.callers = 0
        self.server = Controller(
            self,
            hostname="127.0.0.1",
            port=free_port(),
            authenticator=self._log_in,
            auth_require_tls=False,
        )

    def _log_in(self, server, session, envelope, mechanism, data) -> AuthResult:
        self.logins.append(data.password)
        return AuthResult(success=True)

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.callers += 1
        session.host_name = hostname
        return responses

    async def handle_DATA(self, server, session, envelope) -> str:
        self.receivers.append(envelope.rcpt_tos)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def mailboxes():
    """The agency's server and a stranger's."""
    both = Mailbox(), Mailbox()
    for mailbox in both:
        mailbox.server.start()
    yield both
    for mailbox in both:
        mailbox.server.stop()


def attacks(port: int) -> list[str]:
    return [
        f"x&smtp=127.0.0.1&port={port}&mode=insecure&to=y@example.org",
        f"x?smtp=127.0.0.1&port={port}&q=1@example.org",
        f"x?smtp=127.0.0.1:{port}&mode=insecure&q=1@example.org",
        "x/spy%40evil.example/y@example.org",
        "x/spy@evil.example/y@example.org",
        "x&cc=spy@evil.example&to=y@example.org",
        "x&bcc=spy%40evil.example&to=y@example.org",
        "x&user=root&pass=none&to=y@example.org",
        "x,spy@evil.example",
        "y@example.org,spy@evil.example",
        "y@example.org\r\nBcc: spy@evil.example",
        "#@example.org",
        "%2561@example.org",
        "spy@evil.example>,<y@example.org",
        "=?utf-8?q?spy=40evil.example?=@example.org",
        "y@[127.0.0.1]",
        "y@localhost",
    ]


def channel_of(mailbox: Mailbox, form: str) -> dict[str, str]:
    url = f"mailto://portal:s3cret@127.0.0.1:{mailbox.server.port}{FORMS[form]}"
    return {"email": url}


@pytest.mark.parametrize("form", FORMS)
def test_a_mail_goes_to_whom_it_was_typed_for_by_the_servers_that_were_set(
    settings, mailboxes, form
):
    agency, _stranger = mailboxes
    settings.MESSAGE_CHANNELS = channel_of(agency, form)

    deliver(key="k", channel=Channel.EMAIL, to="kim.min-jun+jab@mail.example.org", text="hello")

    assert agency.receivers == [["kim.min-jun+jab@mail.example.org"]]
    assert agency.logins == [b"s3cret"]


def test_a_mail_is_text_and_html_of_the_same_words_under_its_subject(settings, mailboxes):
    agency, _stranger = mailboxes
    settings.MESSAGE_CHANNELS = channel_of(agency, "query")
    text = "예약이 변경되었습니다\n\n<1차> 09:00\n\nhttps://jari.example.org/r/1/"

    deliver(key="k", channel=Channel.EMAIL, to="kim@mail.example.org", text=text)

    [mail] = agency.mails
    assert mail["Subject"] == "예약이 변경되었습니다"
    parts = {
        part.get_content_type(): part.get_content()
        for part in mail.walk()
        if part.get_content_maintype() == "text"
    }
    assert parts.keys() == {"text/plain", "text/html"}
    assert "&lt;1차&gt; 09:00" in parts["text/html"]
    assert '<html lang="ko">' in parts["text/html"]
    assert "<1차> 09:00" in parts["text/plain"]
    assert all("https://jari.example.org/r/1/" in part for part in parts.values())


@pytest.mark.parametrize("form", FORMS)
def test_an_address_that_would_rewrite_the_channel_is_refused_and_nothing_is_sent(
    settings, mailboxes, form
):
    agency, stranger = mailboxes
    settings.MESSAGE_CHANNELS = channel_of(agency, form)

    for address in attacks(stranger.server.port):
        with pytest.raises(ChannelProblem):
            deliver(key="k", channel=Channel.EMAIL, to=address, text="hello")
        with pytest.raises(BadReceiver):
            write_message(key="k", kind="called", channel=Channel.EMAIL, to=address, text="hello")

    assert (agency.receivers, stranger.callers, stranger.logins) == ([], 0, [])


@pytest.mark.parametrize("form", FORMS)
def test_even_a_receiver_nobody_looked_at_changes_no_server_and_adds_no_receiver(
    settings, mailboxes, form, monkeypatch
):
    agency, stranger = mailboxes
    settings.MESSAGE_CHANNELS = channel_of(agency, form)
    monkeypatch.setattr(channels, "checked_receiver", lambda channel, to: to)

    for address in attacks(stranger.server.port):
        service = channels._service(Channel.EMAIL, settings.MESSAGE_CHANNELS["email"], to=address)
        assert (service.smtp_host, service.port) == ("127.0.0.1", agency.server.port)
        assert (service.user, service.password) == ("portal", "s3cret")
        assert (service.cc, service.bcc) == (set(), set())
        try:
            deliver(key="k", channel=Channel.EMAIL, to=address, text="hello")
        except ChannelProblem:
            continue

    assert (stranger.callers, stranger.logins) == (0, [])
    assert {len(receivers) for receivers in agency.receivers} <= {1}


@pytest.mark.parametrize("address", attacks(2525))
def test_forms_refuse_it_with_what_to_write(address):
    tell = AlertForm({"channel": "email", "email": address})
    confirm = ConfirmForm({"channel": "email", "email": address})

    for form in (tell, confirm):
        assert "kim@example.org" in str(form.errors["email"])


@pytest.mark.parametrize(
    "address",
    ["a@b.kr", "kim.min-jun_1+jab@mail.example.org", "KIM@Example.ORG", "k@xn--3e0b707e.kr"],
)
def test_usual_addresses_are_taken(address):
    assert AlertForm({"channel": "email", "email": address}).is_valid()
    assert checked_receiver(Channel.EMAIL, address) == address


@given(st.from_regex(r"[!-~]{1,12}@[!-~]{1,12}\.[a-z]{2,3}", fullmatch=True))
def test_what_is_taken_is_one_receiver_to_apprise_too(address):
    try:
        checked_receiver(Channel.EMAIL, address)
    except BadReceiver:
        return
    url = "mailto://u:p@127.0.0.1?from=jari@agency.example&to={to}"

    assert channels._service(Channel.EMAIL, url, to=address).targets == [(False, address)]


@pytest.mark.parametrize(
    "number",
    ["01012345678", "+82 10 1234 5678", "+82101234567\n", "+8210１2345678", "110", "+0123456"],
)
def test_only_whole_numbers_are_phones(number):
    with pytest.raises(BadReceiver):
        write_message(key="k", kind="code", channel=Channel.SMS, to=number, text="hello")


SMS = {
    "json://gateway.example/send/{to}": lambda one: one.fullpath.removeprefix("/send/"),
    "json://gateway.example/?:to={to}": lambda one: one.payload_extras["to"],
    "form://gateway.example/?:phone={to}": lambda one: one.payload_extras["phone"],
    f"twilio://AC{'0' * 32}:{'1' * 32}@15551234567/{{to}}": lambda one: one.targets[0][1],
    "vonage://key12345:secret12@15551234567/?to={to}": lambda one: "+" + one.targets[0],
    "clicksend://user:key@{to}": lambda one: "+" + one.targets[0],
    "sns://AKIAIOSFODNN7EXAMPLE/secret/ap-northeast-2/{to}": lambda one: one.phone[0],
}


@pytest.mark.parametrize("url", SMS)
def test_a_phone_number_reaches_a_text_message_service_with_its_plus(url):
    service = channels._service(Channel.SMS, url, to="+821012345678")

    assert SMS[url](service) == "+821012345678"
    assert len(getattr(service, "targets", [1])) == 1


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("email", "smtp.agency.example"),
        ("email", "nonsense://smtp.agency.example/{to}"),
        ("email", "mailtos://portal:s3cret@smtp.agency.example"),
        ("email", "mailtos://portal:s3cret@smtp.agency.example/{to}?bcc={to}"),
        ("email", "mailtos://portal:s3cret@smtp.agency.example/{to}?mode=odd"),
        ("sms", "json://{to}/send"),
        ("sms", "json://u:{to}@gateway.example/send"),
        ("fax", "json://gateway.example/{to}"),
    ],
)
def test_a_channel_that_can_not_be_used_stops_the_start(settings, name, url, caplog):
    settings.MESSAGE_CHANNELS = {name: url}

    with pytest.raises(ImproperlyConfigured, match="JARI_MESSAGE_CHANNELS") as refused:
        check_settings()

    assert "s3cret" not in str(refused.value) + caplog.text


def test_channels_that_can_be_used_let_it_start(settings):
    settings.MESSAGE_CHANNELS = {
        "email": "mailtos://portal:s3cret@smtp.agency.example:587?from=a@agency.example&to={to}",
        "sms": "json://gateway.example/{to}",
    }

    check_settings()


def test_without_a_channel_production_does_not_start_and_writes_no_readable_file(
    settings, tmp_path
):
    settings.HOME, settings.OUTBOX_ALLOWED = tmp_path, False
    settings.MESSAGE_CHANNELS = {"sms": "json://gateway.example/{to}"}

    with pytest.raises(ImproperlyConfigured, match="set a channel for email, or JARI_OUTBOX"):
        check_settings()
    with pytest.raises(ChannelProblem):
        deliver(key="k", channel=Channel.EMAIL, to="kim@example.org", text="hello")

    assert not (tmp_path / "outbox").exists()


def test_the_outbox_is_for_its_owner_alone_and_is_emptied(settings, tmp_path):
    settings.HOME = tmp_path
    deliver(key="old", channel=Channel.SMS, to="+821012345678", text="hello")
    [old] = (tmp_path / "outbox").iterdir()
    deliver(key="new", channel=Channel.SMS, to="+821012345678", text="hello")
    [new] = set((tmp_path / "outbox").iterdir()) - {old}
    an_hour_ago = timezone.now() - timedelta(hours=1)
    # The file system has a clock of its own.
    for file, seconds in [(old, -60), (new, 60)]:
        os.utime(file, (an_hour_ago.timestamp() + seconds,) * 2)

    modes = {file.stat().st_mode & 0o777 for file in (tmp_path / "outbox").iterdir()}
    removed = channels.purge_outbox(an_hour_ago)

    assert (modes, (tmp_path / "outbox").stat().st_mode & 0o777) == ({0o600}, 0o700)
    assert (removed, old.exists(), len(list((tmp_path / "outbox").iterdir()))) == (1, False, 1)


@pytest.mark.parametrize(("more", "limits"), [("", (4.0, 4.0)), ("&cto=2.5&rto=9", (2.5, 9.0))])
def test_a_gateway_that_hangs_is_given_up_after_seconds(more, limits):
    url = "mailtos://u:p@smtp.agency.example?from=jari@agency.example&to={to}" + more

    service = channels._service(Channel.EMAIL, url, to="kim@example.org")

    assert (service.socket_connect_timeout, service.socket_read_timeout) == limits
