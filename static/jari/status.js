// Keeps the status page new, and says in words how old it is. The age is measured by the Date header
// of the answer: whatever hands the file out has a clock, also when the portal behind it is dead.
// Without this script the page reloads itself, and its time stands in plain sight.

const ASK_MS = 10 * 1000;
const written = document.getElementById("written");
const age = document.getElementById("age");
const old = document.getElementById("old");
const ago = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });
let offset = Date.now() - performance.now(); // of the device, until an answer has told better

function show() {
  const seconds = Math.max(
    0,
    Math.round((offset + performance.now() - Date.parse(written.dataset.at)) / 1000),
  );
  const [unit, n] =
    seconds < 120
      ? ["second", seconds]
      : seconds < 7200
        ? ["minute", Math.floor(seconds / 60)]
        : ["hour", Math.floor(seconds / 3600)];
  age.textContent = ` (${ago.format(-n, unit)})`;
  age.hidden = false;
  // Only when it changes: it is an alert, which a screen reader reads out.
  const isOld = seconds > Number(old.dataset.after);
  if (old.hidden === isOld) old.hidden = !isOld;
}

function take(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const next = fresh.getElementById("written");
  if (!next) return;
  written.dataset.at = next.dataset.at;
  written.replaceChildren(...next.childNodes);
  const facts = document.getElementById("facts");
  const found = fresh.getElementById("facts");
  if (!found.isEqualNode(facts)) facts.replaceChildren(...found.childNodes);
}

async function ask() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-cache" });
    const date = Date.parse(answer.headers.get("Date"));
    if (!Number.isNaN(date)) offset = date + 500 - performance.now();
    if (answer.ok) take(await answer.text());
  } catch {
    // No connection: the page that is here grows older, and says so.
  }
  show();
}

ask();
setInterval(ask, ASK_MS);
setInterval(show, 1000);
document.addEventListener("visibilitychange", ask);
