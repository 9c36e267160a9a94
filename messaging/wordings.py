"""What messages say: the shipped texts, and those that the authority set instead.

A text is plain, with variables in braces: `{code}`. Values are codes, times, names of clinics and
cohorts and addresses of pages, never what another person typed: a message in the portal's name
must not carry it. In a mail the first line is the subject.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import caches
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from messaging.enums import Channel
from messaging.models import OwnText
from web.public import public_url

# How long a process goes on with the own texts that it read: no page and no message of many reads
# them anew.
KEPT_SECONDS = 60
MOST_LETTERS = 1_000
_KEPT = "messaging-own-texts"
_VARIABLE = re.compile(r"\{([a-z_]*)\}")
# As KakaoTalk writes a variable of a registered template: #{address}.
TEMPLATE_VARIABLE = re.compile(r"#\{([^{}]*)\}")
# Of an address, where a sample needs one.
NO_TOKEN = "00000000-0000-4000-8000-000000000000"  # noqa: S105


@dataclass(frozen=True)
class Variable:
    """A variable of a wording; `sample` gives a long value in the active language."""

    name: str
    label: Promise
    sample: Callable[[], str]
    # Whether a text without it would be of no use.
    needed: bool = True


def page_address(name: str, *args: str) -> Variable:
    """The variable that leads to a page of the portal."""
    return Variable("address", gettext_lazy("address of the page"), lambda: public_url(name, *args))


@dataclass(frozen=True)
class Wording:
    """The text of one sort of message by channel, and what can vary in it."""

    code: str
    label: Promise
    texts: dict[Channel, Promise]
    variables: tuple[Variable, ...] = ()
    # Whether its text message may need more than SMS_BYTES, and is then paid as a long one.
    is_long: bool = False


class Rendered(str):
    """A text filled in, with its language and, where one is registered, its template."""

    __slots__ = ("language", "template", "template_text")
    language: str
    template: str
    template_text: str


wordings: dict[str, Wording] = {}


def register(found: Iterable[Wording]) -> None:
    wordings.update({wording.code: wording for wording in found})


def render(code: str, channel: Channel, language: str, /, **values: object) -> Rendered:
    """The text of a message in this language, filled in.

    A call and a letter say what the text message would, unless there is a text for them.
    """
    wording = wordings[code]
    template = template_of(code, language) if channel == Channel.SMS else {}
    if channel not in wording.texts:
        channel = Channel.SMS
    own = _own_texts().get((code, language, channel.value), "")
    usable = own and not problems_of(own, wording)
    text = Rendered(fill(own if usable else shipped(wording, channel, language), values))
    text.language = language
    text.template = template.get("id", "")
    text.template_text = fill_template(template.get("text", ""), values)
    return text


def template_of(code: str, language: str) -> dict[str, str]:
    """Id and text of the template that is registered for a message; {} without one."""
    templates: dict[str, dict[str, dict[str, str]]] = settings.KAKAO_TEMPLATES
    return templates.get(code, {}).get(language, {})


def fill_template(text: str, values: Mapping[str, object]) -> str:
    return TEMPLATE_VARIABLE.sub(lambda found: str(values[found[1]]), text)


def shipped(wording: Wording, channel: Channel, language: str) -> str:
    with translation.override(language):
        return str(wording.texts[channel])


def fill(text: str, values: dict[str, object]) -> str:
    """The text with its variables replaced, each once: a brace in a value stays one."""
    return _VARIABLE.sub(lambda found: str(values[found[1]]), text).strip()


def problems_of(text: str, wording: Wording) -> list[str]:
    """Why this can't be the text of that wording, in the active language; [] if it can."""
    used = _VARIABLE.findall(text)
    names = {variable.name for variable in wording.variables}
    needed = [variable.name for variable in wording.variables if variable.needed]
    problems = [
        str(_UNKNOWN) % {"name": name, "known": ", ".join(f"{{{name}}}" for name in sorted(names))}
        for name in dict.fromkeys(used)
        if name not in names
    ]
    problems += [str(_MISSING) % {"name": name} for name in needed if name not in used]
    if "{" in _VARIABLE.sub("", text) or "}" in _VARIABLE.sub("", text):
        problems.append(str(_BRACE))
    return problems


_UNKNOWN = gettext_lazy("There is no variable {%(name)s} here. There are: %(known)s.")
_MISSING = gettext_lazy("The variable {%(name)s} is missing: people need it.")
_BRACE = gettext_lazy("A brace stands alone. Write variables as {name}, and no other braces.")


def samples_of(wording: Wording, language: str) -> dict[str, object]:
    """A long value of each variable, to show and to measure a text with."""
    with translation.override(language):
        return {variable.name: variable.sample() for variable in wording.variables}


def make_rows() -> None:
    """An empty own text for each wording, language and channel; existing rows stay as they are."""
    OwnText.objects.bulk_create(
        [
            OwnText(code=wording.code, language=language, channel=channel)
            for wording in wordings.values()
            for language, _name in settings.LANGUAGES
            for channel in wording.texts
        ],
        ignore_conflicts=True,
    )


def forget_kept() -> None:
    """Read the own texts anew for the next message of this process."""
    caches["local"].delete(_KEPT)


def keep_own_texts() -> None:
    """Read the own texts, unless this process knows them, so that `render` makes no statement."""
    _own_texts()


def _own_texts() -> dict[tuple[str, str, str], str]:
    texts: dict[tuple[str, str, str], str] | None = caches["local"].get(_KEPT)
    if texts is None:
        rows = OwnText.objects.exclude(text="").values_list("code", "language", "channel", "text")
        texts = {(code, language, channel): text for code, language, channel, text in rows}
        caches["local"].set(_KEPT, texts, timeout=KEPT_SECONDS)
    return texts
