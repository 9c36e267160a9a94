"""Providers on loopback that speak the contracts of SOLAPI and Postmark over real HTTP."""

import hashlib
import hmac
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KEY, SECRET = "NCSAYU7YDBXYORXC", "a-secret-of-the-account"
TOKEN = "a-token-of-the-server"


@dataclass
class Answers:
    """What the provider does next."""

    status: int = 200
    refusal: str = ""  # of the message, in an answer of 200
    silent: bool = False  # takes the message and does not answer
    go_on: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    server: "Provider"

    def do_GET(self):
        self._answer(None)

    def do_POST(self):
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body):
        status, document = self.server.answer(self.command, self.path, self.headers, body)
        if self.server.next.silent and self.command == "POST":
            self.server.next.go_on.wait(60)
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args): ...


class Provider(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.next = Answers()
        self.taken: list[dict] = []
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    def stop(self) -> None:
        self.next.go_on.set()
        self.shutdown()
        self.server_close()
        self.thread.join()


class Solapi(Provider):
    """https://developers.solapi.com/references: send-many/detail, list, HMAC-SHA256 by API key."""

    def __init__(self) -> None:
        super().__init__()
        self.signatures: set[str] = set()
        self.asked = 0

    def url(self, more: str = "") -> str:
        return f"solapi://{KEY}:{SECRET}@127.0.0.1:{self.server_port}?from=0212345678{more}"

    def answer(self, method, path, headers, body):
        if not self._signed(headers.get("Authorization", "")):
            return 403, {"errorCode": "SignatureDoesNotMatch", "errorMessage": "…"}
        if self.next.status != 200:
            return self.next.status, {"errorCode": "TooManyRequests", "errorMessage": "…"}
        if method == "POST" and path == "/messages/v4/send-many/detail":
            return 200, self._send(body["messages"])
        if method == "GET" and path.startswith("/messages/v4/list?"):
            return 200, self._list(parse_qs(urlsplit(path).query))
        return 404, {"errorCode": "NotFound", "errorMessage": "…"}

    def _signed(self, header: str) -> bool:
        found = re.fullmatch(
            r"HMAC-SHA256 apiKey=(\w+), date=(\S+), salt=(\w{12,64}), signature=([0-9a-f]{64})",
            header,
        )
        if not found or found[1] != KEY or found[4] in self.signatures:
            return False
        self.signatures.add(found[4])
        wanted = hmac.new(SECRET.encode(), (found[2] + found[3]).encode(), hashlib.sha256)
        return hmac.compare_digest(wanted.hexdigest(), found[4])

    def _send(self, messages):
        if self.next.refusal:
            failed = [{**each, "statusCode": self.next.refusal} for each in messages]
            return {"failedMessageList": failed, "messageList": [], "groupInfo": {}}
        rows = [
            {**each, "messageId": f"M4V2026{len(self.taken):04}", "statusCode": "2000"}
            for each in messages
        ]
        self.taken += rows
        shown = ("messageId", "statusCode", "customFields")
        return {
            "failedMessageList": [],
            "messageList": [{name: row[name] for name in shown} for row in rows],
            "groupInfo": {"groupId": "G4V2026"},
        }

    def _list(self, query):
        self.asked += 1
        rows = [
            row
            for row in self.taken
            if row["to"] in query.get("to", [row["to"]])
            and row["messageId"] in query.get("messageIds", [row["messageId"]])
        ]
        return {"limit": 50, "messageList": {row["messageId"]: row for row in rows}}


class Postmark(Provider):
    """https://postmarkapp.com/developer/api/email-api: send with a server token."""

    def answer(self, _method, path, headers, body):
        if headers.get("X-Postmark-Server-Token") != TOKEN:
            return 401, {"ErrorCode": 10, "Message": "Bad or missing Server API token."}
        if self.next.status != 200 or path != "/email":
            return self.next.status, {"ErrorCode": 429, "Message": "Rate limit"}
        self.taken.append(body)
        answer = {"To": body["To"], "ErrorCode": 0, "Message": "OK"}
        return 200, {**answer, "MessageID": f"b7bc2f4a-e38e-4336-af7d-{len(self.taken):012}"}


def report(taken: dict, status: str, *, wrapped: bool = False) -> dict:
    """SOLAPI's SINGLE-REPORT of a message, as its documentation and SDK show it."""
    data = {
        "messageId": taken["messageId"],
        "groupId": "G4V2026",
        "type": taken["type"],
        "to": taken["to"],
        "statusCode": status,
        "dateReported": "2026-11-29T12:00:00.000Z",
        "customFields": taken["customFields"],
    }
    return {"eventDataId": "e1", "data": data, "retryCount": 0} if wrapped else data
