// The clinic's day without loading the page anew: a scan, search or mark changes its own part, and
// what other devices did is fetched every other second. Each form also works without this script.
(() => {
  "use strict";
  const POLL_MS = 1500;
  const PATIENCE_MS = 8000;
  // A second tap of a finger must not press the button that has just taken the place of another.
  const SETTLE_MS = 700;
  // After so long without a touch or key the list may move on to the next part of the day.
  const IDLE_MS = 45_000;

  const page = document.querySelector("[data-day]");
  if (!page) return; // no clinic chosen yet
  const byId = (id) => document.getElementById(id);
  const box = byId("box");
  const unsaved = new Map(); // reservation id → { fields, action, label, name }
  let version = "";
  let lastUsed = performance.now();
  // Time of the server's last answer, by its clock; at first that of the page itself.
  let lastHeard = Number(byId("day-part").querySelector("[data-since]").dataset.since);
  let marking = 0; // marks on their way
  let marked = 0; // marks answered

  const time = new Intl.DateTimeFormat("ko", {
    timeZone: "Asia/Seoul", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });

  async function ask(address, options = {}) {
    const answer = await fetch(address, {
      ...options,
      headers: { "X-Jari-Fragment": "1", ...options.headers },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const heard = answer.headers.get("Date");
    if (heard) lastHeard = heard;
    if (new URL(answer.url).pathname === page.dataset.login) {
      byId("day-out").hidden = false;
      throw new Error("signed out");
    }
    // 502 to 504: the portal is not there, whatever stands between.
    if (answer.status >= 500) throw new Error(`answer ${answer.status}`);
    connected();
    return answer;
  }

  function connected() {
    byId("day-offline").hidden = true;
    byId("day-out").hidden = true;
    for (const button of page.querySelectorAll("[data-save]")) button.disabled = false;
  }

  function disconnected() {
    if (!byId("day-out").hidden) return;
    const alarm = byId("day-offline");
    if (!alarm.hidden) return; // said already
    alarm.hidden = false;
    alarm.textContent = alarm.dataset.text.replace("{time}", time.format(new Date(lastHeard)));
  }

  const parse = (html) => new DOMParser().parseFromString(html, "text/html");

  // Rows

  // The row may stand on the page twice: in the list and in the answer to a search.
  function replaceRow(fresh) {
    for (const old of page.querySelectorAll(`[data-visit="${fresh.dataset.visit}"]`)) {
      if (old.dataset.state === fresh.dataset.state && !old.hasAttribute("aria-busy")) continue;
      const row = document.importNode(fresh, true);
      row.id = old.id;
      row.classList.add("is-fresh");
      const buttons = [...row.querySelectorAll("button")];
      for (const button of buttons) button.disabled = true;
      setTimeout(() => buttons.forEach((button) => (button.disabled = false)), SETTLE_MS);
      const focused = old.contains(document.activeElement);
      old.replaceWith(row);
      // The row, not a button: a second Enter must not set the next mark.
      if (focused) row.focus({ preventScroll: true });
    }
  }

  const rowOf = (id) => byId(`reservation-${id}`);

  function showRows(part) {
    const list = byId("day-rows");
    const ids = part.dataset.rows.split(" ").filter(Boolean);
    const fresh = new Map([...part.children].map((row) => [row.dataset.visit, row]));
    for (const row of [...list.children]) if (!ids.includes(row.dataset.visit)) row.remove();
    let before = list.firstElementChild;
    for (const id of ids) {
      const row = rowOf(id);
      if (row && row === before) before = row.nextElementSibling;
      else if (row) list.insertBefore(row, before);
      else if (fresh.has(id)) list.insertBefore(document.importNode(fresh.get(id), true), before);
    }
    const heard = [];
    for (const row of fresh.values()) {
      const old = rowOf(row.dataset.visit);
      if (old && old.dataset.state !== row.dataset.state && !unsaved.has(row.dataset.visit)) {
        heard.push(`${row.dataset.name} ${row.dataset.status}`);
      }
      replaceRow(row);
    }
    for (const id of unsaved.keys()) showUnsavedRow(id);
    const hasPeople = byId("day-part").querySelector(".day-parts") !== null;
    byId("day-nobody").hidden = !hasPeople || list.children.length > 0;
    if (heard.length) tellOthers(heard);
  }

  function tellOthers(heard) {
    const names = heard.slice(0, 3).join(", ") + (heard.length > 3 ? " …" : "");
    byId("day-heard").textContent = `${page.dataset.others} ${names}`;
  }

  // What others did

  async function poll() {
    if (!marking) {
      try {
        await pollOnce();
      } catch {
        disconnected();
      }
    }
    setTimeout(poll, POLL_MS);
  }

  async function pollOnce() {
    const part = byId("day-part").querySelector("[data-since]");
    const before = marked;
    const address = new URL(page.dataset.changes, location.href);
    address.searchParams.set("live", "1"); // no use of the session
    for (const name of ["since", "start", "end"]) address.searchParams.set(name, part.dataset[name]);
    if (performance.now() - lastUsed > IDLE_MS) address.searchParams.set("follow", "1");
    const answer = await ask(address, { headers: version ? { "If-None-Match": version } : {} });
    if (answer.status === 304) return;
    if (!answer.ok) throw new Error(`answer ${answer.status}`);
    const fragment = parse(await answer.text());
    if (marking || marked !== before) return; // older than a mark of this page
    version = answer.headers.get("ETag") || "";
    swap(byId("day-part"), fragment.querySelector("[data-part]"));
    swap(byId("day-numbers"), fragment.querySelector("[data-numbers]"));
    showRows(fragment.querySelector("[data-rows]"));
  }

  function swap(old, fresh) {
    if (old.innerHTML === fresh.innerHTML) return;
    const address = old.contains(document.activeElement) && document.activeElement.href;
    old.replaceChildren(...document.importNode(fresh, true).childNodes);
    const same = address && [...old.querySelectorAll("a")].find((link) => link.href === address);
    if (same) same.focus({ preventScroll: true });
  }

  // Marks

  async function mark(form, act, label) {
    const row = form.closest("[data-visit]");
    const id = form.dataset.of || row.dataset.visit;
    const name = row ? row.dataset.name : form.dataset.name;
    const fields = new FormData(form);
    fields.set("act", act);
    busy(id, true);
    marking += 1;
    try {
      const answer = await ask(form.action, { method: "POST", body: fields });
      const next = answer.headers.get("X-Jari-Location"); // a page that asks for more
      if (next) return location.assign(next);
      unsaved.set(id, { fields, action: form.action, label, name });
      if (![200, 409].includes(answer.status)) return;
      showMarked(id, parse(await answer.text()));
      unsaved.delete(id);
    } catch {
      unsaved.set(id, { fields, action: form.action, label, name });
      disconnected();
    } finally {
      marking -= 1;
      marked += 1;
      busy(id, false);
      showUnsaved();
    }
  }

  function showMarked(id, fragment) {
    const said = fragment.querySelector("[data-said]");
    const undo = said.querySelector("form");
    const row = fragment.querySelector("[data-visit]");
    if (undo) Object.assign(undo.dataset, { of: id, name: row.dataset.name });
    byId("day-said").replaceChildren(document.importNode(said, true));
    replaceRow(row);
    version = "";
  }

  function busy(id, on) {
    for (const row of page.querySelectorAll(`[data-visit="${id}"]`)) {
      if (!on && !row.hasAttribute("aria-busy")) continue; // a new row, which settles first
      row.toggleAttribute("aria-busy", on);
      for (const button of row.querySelectorAll("button")) button.disabled = on;
    }
  }

  // Presses that did not reach the server

  function showUnsaved() {
    const list = byId("day-unsaved").querySelector("ul");
    list.replaceChildren(...[...unsaved.values()].map(({ name, label }) => {
      const item = document.createElement("li");
      item.textContent = `${name}: ${label}`;
      return item;
    }));
    byId("day-unsaved").hidden = !unsaved.size;
    for (const old of page.querySelectorAll(".is-unsaved")) old.classList.remove("is-unsaved");
    for (const id of unsaved.keys()) showUnsavedRow(id);
  }

  function showUnsavedRow(id) {
    for (const row of page.querySelectorAll(`[data-visit="${id}"]`)) row.classList.add("is-unsaved");
  }

  // Each goes with the status that its page showed, so that what was marked since is not undone.
  async function saveAll() {
    for (const [id, { fields, action, label, name }] of [...unsaved]) {
      const form = document.createElement("form");
      form.action = action;
      Object.assign(form.dataset, { of: id, name });
      for (const [key, value] of fields) {
        const input = document.createElement("input");
        Object.assign(input, { type: "hidden", name: key, value });
        form.append(input);
      }
      await mark(form, fields.get("act"), label);
      if (unsaved.has(id)) return; // still no connection
    }
  }

  // The box

  async function search(form) {
    const fields = new FormData(form);
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await ask(form.action, { method: "POST", body: fields });
      if (!answer.ok) throw new Error(`answer ${answer.status}`);
      const found = parse(await answer.text()).querySelector("[data-found]");
      byId("day-said").replaceChildren();
      byId("day-found").replaceChildren(document.importNode(found, true));
    } catch {
      byId("day-found").replaceChildren();
      disconnected();
    } finally {
      form.removeAttribute("aria-busy");
      box.select(); // the next scan overwrites
    }
  }

  page.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[data-box]")) {
      event.preventDefault();
      if (box.value.trim()) search(form);
    } else if (form.matches(".marks") && event.submitter) {
      event.preventDefault();
      const label = event.submitter.getAttribute("aria-label") || event.submitter.textContent;
      const { name } = form.closest("[data-visit]")?.dataset ?? form.dataset;
      mark(form, event.submitter.value, label.replace(name, "").trim() || label.trim());
    }
  });

  byId("day-unsaved").addEventListener("click", ({ target }) => {
    if (target.matches("[data-save]")) saveAll();
    if (target.matches("[data-discard]")) {
      unsaved.clear();
      showUnsaved();
    }
  });

  // A scanner types: whatever has the focus, its letters go to the box, and its Enter presses
  // nothing else.
  addEventListener("keydown", (event) => {
    lastUsed = performance.now();
    const printable = (event.key.length === 1 && event.key !== " ") || event.key === "Process";
    if (!printable || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest("input, select, textarea, dialog")) return;
    box.value = "";
    box.focus();
  });
  addEventListener("pointerdown", () => (lastUsed = performance.now()));
  addEventListener("beforeunload", (event) => unsaved.size && event.preventDefault());
  addEventListener("online", () => pollOnce().catch(disconnected));
  addEventListener("offline", disconnected);

  setTimeout(poll, POLL_MS);
})();
