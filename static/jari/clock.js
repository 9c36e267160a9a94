// Keeps every <time data-clock="an address whose answer has a Date header"> on the server's time.
// The device's own clock is never read: it may be wrong, and setting it must change nothing.
// Without this script the time of the page stands.

const RESYNC_MS = 10 * 60 * 1000;
const clocks = document.querySelectorAll("time[data-clock]");
const inSeoul = (style, language) =>
  new Intl.DateTimeFormat(language, { timeZone: "Asia/Seoul", ...style });
const iso = inSeoul({ dateStyle: "short", timeStyle: "medium" }, "sv-SE");
const day = inSeoul({ dateStyle: "full" }, document.documentElement.lang);
let shown = null; // the day on the page
let offset = null; // server milliseconds minus performance.now()
let asked = 0;

async function ask() {
  const sent = performance.now();
  try {
    const answer = await fetch(clocks[0].dataset.clock, { method: "HEAD", cache: "no-store" });
    const date = Date.parse(answer.headers.get("Date"));
    const received = performance.now();
    // The header is cut to the second: half a second is the fairest guess for the rest.
    if (!Number.isNaN(date)) offset = date + 500 - (sent + received) / 2;
    asked = received;
  } catch {
    // Offline: go on from the last answer, or leave the time of the page.
  }
}

function show() {
  if (offset === null) return;
  const now = new Date(offset + performance.now());
  const [date, time] = iso.format(now).split(" ");
  for (const clock of clocks) {
    clock.dateTime = now.toISOString();
    if (clock.dataset.part === "time") clock.textContent = time;
    else if (clock.dataset.part !== "day") clock.textContent = `${date} ${time}`;
    else if (shown !== null && shown !== date) clock.textContent = day.format(now);
  }
  shown = date;
}

function again() {
  if (!document.hidden && (offset === null || performance.now() - asked > RESYNC_MS)) ask();
}

if (clocks.length) {
  ask().then(show);
  setInterval(show, 1000);
  document.addEventListener("visibilitychange", again);
  // Timers of a page kept by the browser stood still, so what was known is stale.
  addEventListener("pageshow", (event) => event.persisted && ask().then(show));
}
