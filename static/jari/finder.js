// The finder without reloads: links and filters within the page ask the same address for its content
// alone. Without this script they are links and a form. The address always says what is shown.

const main = document.querySelector("#main");
const said = document.createElement("p");
said.className = "sr-only";
said.setAttribute("role", "status");
main.after(said);
let asked = 0;

const stays = (url) => url.origin === location.origin && url.pathname === location.pathname;

// The parts that are the reader's: the clock goes on counting, and what is open stays open.
function keepParts(fresh) {
  const clock = main.querySelector(".booking-stay");
  const place = fresh.querySelector(".booking-stay");
  if (clock && place) {
    clock.querySelector("[name=next]").value = place.querySelector("[name=next]").value;
    place.replaceWith(clock);
  }
  for (const kind of [".booking-search", ".booking-calendar"]) {
    const [before, after] = [main.querySelector(kind), fresh.querySelector(kind)];
    if (before?.open && after) after.open = true;
  }
}

function put(text, focus) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const fresh = page.querySelector("main");
  keepParts(fresh);
  document.title = page.title.trim();
  main.className = fresh.className;
  main.replaceChildren(...fresh.childNodes);
  const heading = main.querySelector("form.is-inline h2, h2, h1");
  said.textContent = `${main.querySelector(".booking-where strong")?.textContent ?? ""} ${heading?.textContent ?? ""}`;
  const back = focus && main.querySelector(focus);
  if (back) back.focus({ preventScroll: true });
  else if (heading) {
    heading.tabIndex = -1;
    heading.focus();
  }
  sortByDistance();
}

async function show(url, { push = true, focus = "" } = {}) {
  const turn = ++asked;
  main.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { headers: { "X-Jari-Part": "content" }, redirect: "error" });
    const whole = ![200, 409, 422].includes(answer.status) || !answer.headers.has("X-Jari-Part");
    const text = whole ? "" : await answer.text();
    if (turn !== asked) return; // something else was pressed meanwhile
    if (whole) location.assign(url);
    else {
      if (push) history.pushState({ finder: true }, "", url);
      put(text, focus);
    }
  } catch {
    location.assign(url); // also shows the browser's own page without a connection
  } finally {
    if (turn === asked) main.removeAttribute("aria-busy");
  }
}

main.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const url = new URL(link.href.baseVal ?? link.href, location.href);
  if (!stays(url) || url.hash) return;
  event.preventDefault();
  const row = [".booking-calendar", ".booking-days"].find((kind) => link.closest(kind));
  show(url, { focus: row ? `${row} [aria-current="date"]` : "" });
});

function search(form, focus) {
  const url = new URL(form.getAttribute("action"), location.href);
  const fields = [...new FormData(form)].filter(([_name, value]) => value);
  url.search = new URLSearchParams(fields);
  if (stays(url)) show(url, { focus });
  else location.assign(url);
}

main.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "get") return;
  event.preventDefault();
  search(form, "");
});

main.addEventListener("change", (event) => {
  const field = event.target;
  if (field.form?.method !== "get" || !field.matches("select, [type=checkbox], [type=radio]")) return;
  search(field.form, `#${CSS.escape(field.id)}`);
});

addEventListener("popstate", () => show(new URL(location.href), { push: false }));

// Near me: the position stays in this page. The nearest district is looked up here, in a list that is
// the same for everybody, and its name is asked for as if it had been typed.
let position = null;

function km(there) {
  const rad = Math.PI / 180;
  const [lat1, lon1, lat2, lon2] = [...position, ...there].map((degrees) => degrees * rad);
  const half = (from, to) => Math.sin((to - from) / 2) ** 2;
  return 2 * 6371 * Math.asin(Math.sqrt(half(lat1, lat2) + Math.cos(lat1) * Math.cos(lat2) * half(lon1, lon2)));
}

function sortByDistance() {
  if (!position) return;
  const clinics = [...main.querySelectorAll(".booking-clinic[data-at]")];
  const away = new Map(clinics.map((one) => [one, km(one.dataset.at.split(",").map(Number))]));
  for (const one of clinics) {
    const text = one.querySelector(".booking-km");
    if (text) text.textContent = `· ${away.get(one).toFixed(1)} km`;
  }
  const end = clinics.at(-1)?.nextSibling ?? null;
  clinics.sort((one, other) => away.get(one) - away.get(other));
  for (const one of clinics) one.parentNode.insertBefore(one, end);
}

main.addEventListener("click", (event) => {
  const button = event.target.closest("[data-near]");
  if (!button) return;
  const problem = button.parentElement.querySelector("[role=status]");
  problem.textContent = button.dataset.asking;
  navigator.geolocation.getCurrentPosition(
    async ({ coords }) => {
      position = [coords.latitude, coords.longitude];
      const districts = await (await fetch(button.dataset.near)).json();
      const nearest = Object.keys(districts).reduce((one, other) => (km(districts[one]) <= km(districts[other]) ? one : other));
      const url = new URL(button.dataset.base, location.href);
      url.searchParams.set("near", nearest);
      if (stays(url)) show(url);
      else location.assign(url);
    },
    () => (problem.textContent = button.dataset.refused),
    { maximumAge: 600_000, timeout: 20_000 },
  );
});
if (navigator.geolocation) document.documentElement.classList.add("has-position");
