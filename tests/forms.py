"""Pages as a browser without script sees them: forms, and the buttons that send them."""

from html.parser import HTMLParser


class Forms(HTMLParser):
    """A browser's view of a page: its forms, and each button that sends one of them."""

    def __init__(self, response):
        super().__init__()
        self.address = response.request["PATH_INFO"]
        self.inside, self.actions, self.fields, self.buttons = None, {}, {}, []
        self.select = self.textarea = None
        self.feed(response.content.decode())

    def handle_starttag(self, tag, attributes):
        one = dict(attributes)
        form = one.get("form", self.inside)
        if tag == "form":
            self.inside = one.get("id")
            self.actions[self.inside] = one.get("action") or self.address
        elif tag == "input" and form:
            box = one.get("type") in ("radio", "checkbox")
            if not box or "checked" in one:
                value = one.get("value", "on" if box else "")
                self.fields.setdefault(form, []).append((one["name"], value))
        elif tag == "select":
            self.select = one["name"]
        elif tag == "option" and self.select and "selected" in one:
            self.fields.setdefault(form, []).append((self.select, one["value"]))
        elif tag == "textarea" and form:
            self.textarea = (form, one["name"], "")
        elif tag == "button" and form:
            self.buttons.append((form, one))

    def handle_data(self, text):
        if self.textarea:
            form, name, before = self.textarea
            self.textarea = (form, name, before + text)

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = None
        elif tag == "textarea" and self.textarea:
            form, name, text = self.textarea
            # HTML drops the line break that a template writes first.
            self.fields.setdefault(form, []).append((name, text.removeprefix("\n")))
            self.textarea = None

    def typed(self, form) -> dict:
        """Its fields, but for the token; a name that stands twice is a list."""
        found: dict = {}
        for name, value in self.fields[form]:
            found.setdefault(name, []).append(value)
        found.pop("csrfmiddlewaretoken", None)
        return found

    def language(self, form) -> tuple[str, str]:
        """Where the language buttons of this form lead, and to which of Korean and English."""
        buttons = [button for _owner, button in self.buttons if button.get("name") == "language"]
        assert {button["form"] for button in buttons} == {form}
        assert len(buttons) == 3
        one = next(button for button in buttons if button["value"] in ("ko", "en"))
        return one["formaction"], one["value"]

    def pressed_by_enter(self, form) -> dict:
        return next(button for owner, button in self.buttons if owner == form)


def switch(client, response, form, **changed):
    """Type something, then press the language button."""
    forms = Forms(response)
    address, language = forms.language(form)
    return client.post(address, {**forms.typed(form), **changed, "language": language})
