"""What the pages offer to send: their forms and links, as a browser without script uses them."""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit

from django.urls import Resolver404, resolve
from selectolax.lexbor import LexborHTMLParser, LexborNode

from tests.promises.fuzzing.states import TOKEN, State
from tests.promises.fuzzing.targets import FILE, Plan, Target
from tests.promises.fuzzing.wire import Answer, Wire
from tests.staff import address_table

# What is typed where a page gives no value, by the name or else by the type of the field.
TYPED = {
    "name": "김시험", "birth_date": "19640512", "phone": "010-0000-1234", "code": "123456",
    "number": "7K2M-QX4D-9T", "reason": "birth", "note": "글", "email": "a@example.org",
    "wanted": "김시험", "username": "staff", "password": "password", "region": "서울특별시",
    "district": "강남구", "action": "",
}  # fmt: skip
BY_TYPE = {
    "date": "2027-01-04", "time": "09:30", "number": "3", "email": "a@example.org",
    "tel": "010-0000-1234", "datetime-local": "2027-01-04T09:30", "search": "김",
    "file": "a,b\n1,2",
}  # fmt: skip
_ARGUMENT = re.compile(r"<(?:(\w+):)?(\w+)>|\(\?P<(\w+)>[^)]*\)\??")
# Ends the session that is asked with, or is another site's.
_LEFT_OUT = re.compile(r"/admin/logout/|/static/|/admin/jsi18n/")


def route_of(path: str) -> str:
    """The route as the table of addresses writes it; empty where there is none."""
    try:
        return resolve(path).route
    except Resolver404:
        return ""


def addresses(state: State, routes: list[str]) -> Iterator[str]:
    """Each route whose arguments the state has; of staff all, as in the table of addresses."""
    for route in routes:
        names = [match[2] or match[3] for match in _ARGUMENT.finditer(route)]
        if state.role or all(name in state.arguments for name in names):
            yield address_table.address_of(route, dict(state.arguments))


class Learner:
    """Opens pages and keeps what they offer, and the names that the portal asks for."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.targets: dict[tuple, list[Target]] = defaultdict(list)
        self.names: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.failed: list[Answer] = []
        self._opened: set[tuple[str, str]] = set()
        self._unsent: list[Target] = []

    def open(self, state: State, addresses: Iterable[str]) -> None:
        """These pages, those of other routes that they link to, and what their forms lead to."""
        waiting = deque(addresses)
        while waiting or self._unsent:
            if not waiting:
                waiting += self._look(self._unsent.pop())
                continue
            path, _mark, query = waiting.popleft().partition("?")
            route = route_of(path)
            # The page of one row is that of the next.
            if route and (state.name, route) not in self._opened and not _LEFT_OUT.match(path):
                self._opened.add((state.name, route))
                waiting += self._look(Target(state, route, "GET", path, tuple(parse_qsl(query))))

    def _look(self, target: Target) -> list[str]:
        """Send it as it is; what else its answer leads to."""
        answer = self._wire.ask(Plan(target).request())
        self.names[target.route, target.method] |= answer.read
        if answer.status >= 500:
            self.failed.append(answer)
        self._keep(target)
        if 300 <= answer.status < 400:
            return [_within(target.path, answer.headers.get("location", ""))]
        if answer.status == 405:  # a button may lead there that nobody here is shown
            self._keep(Target(target.state, target.route, "POST", target.path))
        if "html" not in answer.headers.get("content-type", "") or answer.status in (404, 405):
            return []
        tree = LexborHTMLParser(answer.content.decode())
        for form in tree.css("form"):
            for sent in forms_of(target, tree, form):
                self._keep(sent)
        return self._links(target, tree)

    def _keep(self, target: Target) -> None:
        known = self.targets[target.key]
        if not known and target.method == "POST":
            self._unsent.append(target)
        if target.route and all(one.state.name != target.state.name for one in known):
            known.append(target)

    def _links(self, page: Target, tree: LexborHTMLParser) -> list[str]:
        links = []
        for link in tree.css("a[href]"):
            address = _within(page.path, link.attributes["href"] or "")
            path, _mark, query = address.partition("?")
            if query and route_of(path) == page.route:
                values = tuple(parse_qsl(query, keep_blank_values=True))
                self._keep(Target(page.state, page.route, "GET", path, values))
            links.append(address)
        return links


def _within(path: str, link: str) -> str:
    """The path and query of a link on this site; empty for one that leads elsewhere."""
    parts = urlsplit(urljoin(f"http://testserver{quote(path)}", link.strip()))
    if parts.netloc != "testserver":
        return ""
    return f"{unquote(parts.path)}?{parts.query}" if parts.query else unquote(parts.path)


def forms_of(page: Target, tree: LexborHTMLParser, form: LexborNode) -> Iterator[Target]:
    """A form, once for each button that sends it elsewhere or says something of its own."""
    fields = list(form.css("input, select, textarea, button"))
    if form.id:
        fields += tree.css(f'[form="{form.id}"]')
    values, options, files, buttons = [], [], set(), [None]
    for one in fields:
        name, kind = one.attributes.get("name"), (one.attributes.get("type") or one.tag).lower()
        if one.tag == "button" or kind == "submit":
            buttons.append(one)
        elif name:
            value, others = filled(one, name, kind)
            options += [(name, other) for other in others]
            if kind == FILE:
                files.add(name)
            if value is not None:
                values.append((name, value))
    own = (form.attributes.get("action") or "", form.attributes.get("method") or "get")
    multipart = "multipart" in (form.attributes.get("enctype") or "")
    for button in buttons:
        said = button.attributes if button else {}
        action = said.get("formaction") or own[0] or _address(page)
        method = (said.get("formmethod") or own[1]).upper()
        more = [(said["name"], said.get("value") or "")] if said.get("name") else []
        path, _mark, query = _within(page.path, action).partition("?")
        if path and not _LEFT_OUT.match(path):
            yield Target(
                page.state, route_of(path), method, path, tuple(values + more),
                tuple(parse_qsl(query)), frozenset(files), multipart, tuple(options),
            )  # fmt: skip


def _address(page: Target) -> str:
    query = page.query if page.method == "POST" else page.values
    return f"{page.path}?{urlencode(query)}" if query else page.path


def filled(one: LexborNode, name: str, kind: str) -> tuple[str | None, list[str]]:
    """(what a browser would send, what else is offered)."""
    value = one.attributes.get("value")
    if one.tag == "select":
        offered = [option.attributes.get("value") or "" for option in one.css("option")]
        chosen = [option.attributes.get("value") for option in one.css("option[selected]")]
        real = [option for option in offered if option]
        return (chosen or real or offered or [""])[0], offered
    if kind in ("radio", "checkbox"):
        return value or "on", [value or "on"]
    if one.tag == "textarea":
        return one.text() or TYPED.get(name, "글"), []
    if name == "csrfmiddlewaretoken":
        return TOKEN, []
    if value:
        return value, []
    return TYPED.get(name.rpartition("-")[2]) or BY_TYPE.get(kind, "1"), []
