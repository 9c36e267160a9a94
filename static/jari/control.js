// The control room: replaces the parts that move every few seconds, and never the form. While a
// field has the focus, the page is scrolled back by as much as a part has grown above it.
(() => {
  "use strict";
  const page = document.getElementById("control");
  if (!page) return;
  const byId = (id) => document.getElementById(id);
  const old = byId("control-old");
  const changed = byId("control-changed");
  const PATIENCE_MS = 8000;

  async function ask(address) {
    const answer = await fetch(address, {
      headers: { Accept: "text/html" },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    // Redirected: to the sign-in.
    if (!answer.ok || answer.redirected) throw new Error(`answer ${answer.status}`);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  }

  async function refresh() {
    try {
      const [fresh, parts] = await Promise.all([ask(page.dataset.now), ask(page.dataset.parts)]);
      still(() => {
        showParts(parts);
        for (const part of page.querySelectorAll("[data-live]")) {
          replace(part, fresh.getElementById(part.id));
        }
      });
      tellOfActs();
      old.hidden = true;
    } catch {
      old.hidden = false;
    }
    setTimeout(refresh, Number(page.dataset.seconds) * 1000);
  }

  async function refreshHour() {
    const part = byId("control-hour");
    try {
      const fresh = await ask(page.dataset.hour);
      still(() => {
        if (isInUse(part)) return;
        const open = [...part.querySelectorAll("details[open]")].map(nameOf);
        part.replaceChildren(...document.importNode(fresh.body, true).childNodes);
        for (const details of part.querySelectorAll("details")) {
          details.open = open.includes(nameOf(details));
        }
      });
    } catch {
      // The next round tries again; what is old is said by the faster one.
    }
    setTimeout(refreshHour, Number(page.dataset.hourSeconds) * 1000);
  }

  function showParts(parts) {
    const list = byId("control-parts");
    if (list.innerHTML === parts.body.innerHTML || isInUse(list)) return;
    list.replaceChildren(...document.importNode(parts.body, true).childNodes);
  }

  const nameOf = (details) => details.id || details.closest("[id]")?.id;

  function replace(part, next) {
    if (!next || next.isEqualNode(part) || isInUse(part)) return;
    part.dataset.act = next.dataset.act ?? "";
    part.replaceChildren(...document.importNode(next, true).childNodes);
  }

  // A link with the focus, or words that are being selected, stay.
  function isInUse(part) {
    const selection = document.getSelection();
    const selects = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
    return selects || (part !== document.activeElement && part.contains(document.activeElement));
  }

  function still(change) {
    const focused = document.activeElement;
    const holds = focused && focused.closest("form");
    const before = holds ? focused.getBoundingClientRect().top : 0;
    change();
    if (holds) window.scrollBy(0, focused.getBoundingClientRect().top - before);
  }

  // What others did since this page was made: its form was written for how things stood then.
  function tellOfActs() {
    const since = Number(page.dataset.act);
    const rows = [...byId("control-done").querySelectorAll("[data-done]")];
    const fresh = rows.filter((row) => Number(row.dataset.done) > since);
    const lines = fresh.slice(0, 3).map((row) =>
      [...row.querySelectorAll("[data-said]")].map((cell) => cell.textContent.trim()).join(" · "),
    );
    changed.hidden = !lines.length;
    const text = `${changed.dataset.text} ${lines.join("; ")}`;
    if (lines.length && changed.textContent !== text) changed.textContent = text;
  }

  // Ready words fill the fields that are empty or hold other ready words.
  const form = page.querySelector(".control-order");
  const templates = [...page.querySelectorAll("[data-template]")];
  form?.elements.template.addEventListener("change", ({ target }) => {
    const chosen = templates.find((one) => one.dataset.template === target.value);
    for (const language of ["ko", "en"]) {
      const field = form.elements[`message_${language}`];
      const isReady = templates.some((one) => one.dataset[language] === field.value);
      if (chosen && (!field.value || isReady)) field.value = chosen.dataset[language];
    }
  });
  // “All rooms” and single rooms exclude each other.
  form?.addEventListener("change", ({ target }) => {
    if (target.name !== "rooms" || !target.checked) return;
    for (const box of form.querySelectorAll("[name=rooms]")) {
      if ((box.value === "all") !== (target.value === "all")) box.checked = false;
    }
  });
  // Enter in a field would press the first button, whatever the field belongs to.
  form?.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input:not([type=checkbox])")) {
      event.preventDefault();
      event.target.closest("fieldset")?.querySelector("button")?.focus();
    }
  });

  refresh();
  refreshHour();
})();
