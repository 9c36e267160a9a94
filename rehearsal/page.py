"""Parses a page as a browser does: forms with hidden fields, and links."""

from dataclasses import dataclass
from functools import cached_property

from selectolax.lexbor import LexborHTMLParser, LexborNode


@dataclass(frozen=True)
class Form:
    action: str
    fields: dict[str, str]


class Page:
    """One response of the portal: final URL, status and HTML."""

    def __init__(self, *, url: str, status: int, html: str, retry_after: float = 0.0):
        self.url = url
        self.status = status
        self.html = html
        self.retry_after = retry_after  # seconds; 0 where the portal asked for none

    @cached_property
    def tree(self) -> LexborHTMLParser:
        # Parsed when something is looked for: of most pages only the address counts.
        return LexborHTMLParser(self.html)

    def form(self, *, to: str) -> Form | None:
        """The first form whose action ends with `to`; without action a form posts to its page."""
        return next((form for form in self.forms() if form.action.endswith(to)), None)

    def forms(self) -> list[Form]:
        return [form for node in self.tree.css("form") for form in self._choices(node)]

    def _choices(self, node: LexborNode) -> list[Form]:
        """One form per named button: a browser sends only the button that was pressed."""
        action = node.attributes.get("action") or self.url
        fields = {
            entry.attributes["name"] or "": entry.attributes.get("value") or ""
            for entry in node.css("input[name]")
            # Unchecked boxes are not sent.
            if entry.attributes.get("type") not in {"checkbox", "radio"}
            or "checked" in entry.attributes
        }
        buttons = [
            {button.attributes["name"] or "": button.attributes.get("value") or ""}
            for button in node.css("button[name]")
        ]
        return [Form(action=action, fields=fields | button) for button in buttons or [{}]]

    def links(self, *, start: str) -> list[str]:
        targets = [node.attributes.get("href") or "" for node in self.tree.css("a[href]")]
        return [href for href in targets if href.startswith(start)]

    def data(self, name: str) -> str | None:
        """The value of the first `data-NAME` attribute on the page."""
        node = self.tree.css_first(f"[data-{name}]")
        return None if node is None else node.attributes.get(f"data-{name}")

    def text(self, selector: str) -> str:
        """The text of all matching elements, "" if there are none."""
        return " ".join(node.text() for node in self.tree.css(selector))

    def heading(self) -> str:
        return self.text("h1").strip()
