"""Three judges of accessibility that know nothing of each other: axe, HTML CodeSniffer, IBM's."""

from functools import cache
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

HERE = Path(__file__).parent
# A form without a name is no landmark (HTML-AAM 1.0), and names would make one of each button.
LEFT_OUT = {"aria_form_label_unique"}
# What is folded up is read too.
UNFOLD = "for (const folded of document.querySelectorAll('details')) folded.open = true"
# Evaluated by the debugger, which the page's policy doesn't bind.
SNIFF = """() => new Promise((done) => HTMLCS.process("WCAG2AA", document, () => done(
    HTMLCS.getMessages().filter((one) => one.type === HTMLCS.ERROR).map((one) => one.code)
)))"""
CHECK = """async () => {
    const { results } = await new ace.Checker().check(document, ["WCAG_2_2"]);
    return results
        .filter(({ value: [kind, verdict] }) => kind === "VIOLATION" && verdict === "FAIL")
        .map(({ ruleId, snippet }) => `${ruleId} ${snippet}`);
}"""


@cache
def source(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def faults(page: Page) -> list[str]:
    """What the three say of the page as it stands: the rule, and of IBM's also the place."""
    page.evaluate(UNFOLD)
    axe = [f"axe {rule['id']}" for rule in Axe().run(page).response["violations"]]
    page.evaluate(source("HTMLCS.js"))
    sniffed = [f"HTMLCS {code}" for code in page.evaluate(SNIFF)]
    page.evaluate(source("ace.js") + ";window.ace = ace;")
    checked = [f"IBM {one}" for one in page.evaluate(CHECK) if one.split()[0] not in LEFT_OUT]
    return axe + sniffed + checked
