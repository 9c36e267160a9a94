"""Forms of a page for another person: their CSRF token comes with the person whom they are for."""

FIELD = "for"


class FormToken(str):
    """A CSRF token, and what FIELD says beside it: the person whom the page's forms are for."""

    person: str

    @classmethod
    def of(cls, token: str, *, person: str) -> "FormToken":
        form_token = cls(token)
        form_token.person = person
        return form_token
