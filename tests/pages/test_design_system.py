"""The frame of every page: what is vendored, what the security policy allows, what stands alone."""

import gzip
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import polib
import pytest
from django import forms
from django.conf import settings
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import translation

from tests.markup import flat

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
STANDALONE = [
    f"{name}.html"
    for name in ["400", "403", "404", "405", "408", "413", "429", "500", "503", "503_busy"]
]
STATIC = settings.BASE_DIR / "static"
STYLES = sorted(STATIC.rglob("*.css"))
PUBLIC_STYLES = [
    STATIC / "jari" / name for name in ("jari.css", "more.css", "acting.css", "booking.css")
]
FOCUS_RING = {"#ffe26a"}
SET = re.compile(r"(--[\w-]+)\s*:")

INLINE = re.compile(r"<style|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|<script(?![^>]*\ssrc=)", re.I)
OUTSIDE = re.compile(r"(?:(?:src|href|action)=[\"']|url\(\s*[\"']?|@import\s+[\"'])(?:https?:)?//")
MSGID = re.compile(r"{%\s*translate\s+(['\"])(.+?)\1")


def short(path: Path) -> str:
    return path.relative_to(settings.BASE_DIR).as_posix()


def test_vendored_files_are_those_of_the_lock():
    script = STATIC / "vendor/update_krds.py"

    check = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )

    assert (check.returncode, check.stderr) == (0, "")


# Opened from a disk or a mail: it has no other file beside it, and no policy applies.
WITHOUT_OTHER_FILES = {"templates/rehearsal/report.html": ["<style"]}


@pytest.mark.parametrize("path", TEMPLATES, ids=short)
def test_template_has_no_inline_style_or_script(path):
    html = re.sub(r"{%.*?%}", "", path.read_text(encoding="utf-8"), flags=re.S)

    assert INLINE.findall(html) == WITHOUT_OTHER_FILES.get(short(path), [])


@pytest.mark.parametrize(
    "html",
    ['<p style="x">', "<style>", "<script>", '<script type="module">', '<a onclick="x()">'],
)
def test_inline_style_and_script_would_be_found(html):
    assert INLINE.search(html)


@pytest.mark.parametrize("path", TEMPLATES + STYLES, ids=short)
def test_page_calls_no_outside_host(path):
    assert OUTSIDE.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", STYLES, ids=short)
def test_style_sheet_names_only_files_that_exist(path):
    names = re.findall(r"url\(\s*['\"]?([^'\")]+)", path.read_text(encoding="utf-8"))

    missing = [n for n in names if not n.startswith("data:") and not (path.parent / n).exists()]

    assert missing == []


@cache
def in_korean() -> set[str]:
    catalog = polib.pofile(str(settings.BASE_DIR / "locale/ko/LC_MESSAGES/django.po"))
    return {entry.msgid for entry in catalog if entry.msgstr or entry.msgstr_plural}


@pytest.mark.parametrize("path", TEMPLATES, ids=short)
def test_template_has_korean_for_every_string(path):
    texts = [text for _quote, text in MSGID.findall(path.read_text("utf-8"))]

    assert [text for text in texts if text not in in_korean()] == []


@pytest.mark.parametrize("name", STANDALONE)
def test_error_page_stands_alone(name):
    text = (settings.BASE_DIR / "templates" / name).read_text(encoding="utf-8")
    links = re.findall(r'(?:href|src)="(/[^"]*)"', text)

    tags = set(re.findall(r"{[%{]\s*(\w+)", text))

    # nginx serves them as files when nothing behind it answers; only 403 has two wordings.
    assert tags == ({"if", "else", "endif"} if name == "403.html" else set())
    menu = ["/", "/mine/", "/reservations/", "/help/", "/status/"]
    files = [url for url in links if url not in menu]
    assert [url for url in files if not (settings.BASE_DIR / url[1:]).exists()] == []
    languages = re.findall(r'<section lang="([\w-]+)">', text)
    assert languages == ["ko", "en", "zh-Hans", "vi"]


def test_outage_page_tries_again_by_itself():
    text = (settings.BASE_DIR / "templates/503.html").read_text(encoding="utf-8")

    assert re.findall(r'<meta http-equiv="refresh" content="(\d+)">', text) == ["15"]


def test_refused_form_page_says_what_to_do():
    expired = render_to_string("403.html", {"form_expired": True})
    other = render_to_string("403.html")

    assert ("새로고침한 뒤" in expired, "새로고침한 뒤" in other) == (True, False)


def test_frame_is_far_under_its_weight():
    page = render_to_string("base.html", request=RequestFactory().get("/"))
    files = [STATIC / "jari/jari.css", STATIC / "jari/mark.svg"]

    weight = sum(len(gzip.compress(part)) for part in [page.encode(), *map(Path.read_bytes, files)])

    assert weight < 7_000  # the waiting page may have 15 kB with its own words and script


@pytest.mark.parametrize("path", PUBLIC_STYLES, ids=short)
def test_style_sheet_has_no_colour_but_those_of_krds(path):
    tokens = (STATIC / "vendor/krds/css/token/krds_tokens.css").read_text(encoding="utf-8")
    sheet = path.read_text(encoding="utf-8")
    colours = re.findall(r"[:\s](#[0-9a-f]{3,8})\b", sheet)

    strange = {colour for colour in colours if colour not in tokens}

    assert strange <= FOCUS_RING | {"#fff"}


@pytest.mark.parametrize("path", PUBLIC_STYLES, ids=short)
def test_style_sheet_uses_only_properties_that_it_or_the_frame_sets(path):
    frame = "".join(one.read_text(encoding="utf-8") for one in PUBLIC_STYLES[:2])
    sheet = path.read_text(encoding="utf-8")

    unset = set(re.findall(r"var\((--[\w-]+)", sheet)) - set(SET.findall(frame + sheet))

    assert unset == set()


def test_no_template_names_a_class_of_the_vendored_sheet():
    named = [short(path) for path in TEMPLATES if "krds-" in path.read_text(encoding="utf-8")]

    assert named == []


def test_page_follows_the_language_and_offers_the_other():
    request = RequestFactory().get("/?page=2")

    pages = {}
    for language in ["ko", "en"]:
        with translation.override(language):
            pages[language] = render_to_string("base.html", request=request)

    assert [re.search(r'<html lang="(\w+)"', pages[code])[1] for code in pages] == ["ko", "en"]
    chosen = {code: re.findall(r'value="([\w-]+)"\s+lang="\1"', pages[code]) for code in pages}
    assert chosen == {"ko": ["en", "zh-hans", "vi"], "en": ["ko", "zh-hans", "vi"]}
    assert 'name="next" value="/?page=2"' in pages["ko"]


class SampleForm(forms.Form):
    name = forms.CharField(label="Name", help_text="As registered", max_length=60)
    told = forms.ChoiceField(
        label="Told", choices=[("s", "SMS"), ("e", "E-mail")], widget=forms.RadioSelect
    )
    agreed = forms.BooleanField(label="Agreed")
    note = forms.CharField(label="Note", required=False)


def field(form: forms.Form, name: str) -> str:
    template = Template('{% include "components/form_field.html" with field=field only %}')
    return template.render(Context({"field": form[name]}))


@pytest.mark.parametrize("name", ["name", "told", "agreed"])
def test_field_points_at_its_help_and_its_error(name):
    form = SampleForm({})

    html = field(form, name)

    ids = set(re.findall(r'\bid="([^"]+)"', html))
    described = re.search(r'aria-describedby="([^"]+)"', html)[1].split()
    help_text = [f"id_{name}_helptext"] if name == "name" else []
    assert described == [*help_text, f"id_{name}_error"]
    assert set(described) <= ids
    assert 'aria-invalid="true"' in html


def test_field_keeps_what_was_typed_beside_its_error():
    form = SampleForm({"name": "가" * 61})

    html = field(form, "name")

    assert f'value="{"가" * 61}"' in html
    assert "61" in re.search(r'id="id_name_error">(.*?)</div>', html, re.S)[1]


def test_field_is_named_by_one_label():
    form = SampleForm()

    assert field(form, "name").count('for="id_name"') == 1
    assert field(form, "agreed").count('for="id_agreed"') == 1
    assert "<legend" in field(form, "told")


def test_only_optional_fields_say_so():
    with translation.override("en"):
        said = {name: "(optional)" in field(SampleForm(), name) for name in SampleForm().fields}

    assert said == {"name": False, "told": False, "agreed": False, "note": True}


def test_error_summary_links_to_every_wrong_field():
    form = SampleForm({})
    template = Template('{% include "components/error_summary.html" with form=form only %}')

    html = flat(template.render(Context({"form": form})))

    targets = re.findall(r'<a href="#([^"]+)"', html)
    ids = set(re.findall(r'\bid="([^"]+)"', "".join(field(form, n) for n in form.fields)))
    assert targets == ["id_name", "id_told", "id_agreed"]
    assert set(targets) <= ids


def test_error_summary_is_silent_when_nothing_is_wrong():
    template = Template('{% include "components/error_summary.html" with form=form only %}')

    assert template.render(Context({"form": SampleForm()})).strip() == ""


def test_form_renders_its_fields_like_the_component():
    form = SampleForm({})

    assert field(form, "name").strip() in form.as_div()
