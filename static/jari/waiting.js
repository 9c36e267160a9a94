// Keeps the waiting page up to date from the now document. Everything here also works without it:
// the server decides who was called, this only shows it sooner.

const standing = document.getElementById("standing");
const find = (id) => document.getElementById(id);
const say = (name) => standing.dataset[`say${name}`];
const number = new Intl.NumberFormat(document.documentElement.lang);
const title = document.title;
const OLD_SECONDS = 15;
const DOOR_SECONDS = 4;
const SAY_SECONDS = 60;
const FRESH_SECONDS = 5;
const [CALLS, CALL_SECONDS] = [12, 10];
const WIDEST = 3;

let place = Number(standing.dataset.place) || null;
let phase = standing.dataset.phase;
let failures = 0;
let lastSaid = 0;
let chime = null;
let timer = null; // the one poll to come
let isPolling = false;
let lastPoll = 0;
let clock = null; // the server's time, carried on by a clock that nobody can set

function between(rows, distance) {
  if (!rows?.length) return null;
  const after = rows.find((row) => row[0] >= distance) ?? rows.at(-1);
  const before = rows[rows.indexOf(after) - 1] ?? [0, 0, 0];
  const share = (distance - before[0]) / (after[0] - before[0]);
  return [1, 2].map((end) => before[end] + (after[end] - before[end]) * share);
}

function inWords([low, high]) {
  if (high <= 60) return say("Under");
  const step = high < 900 ? 60 : high < 7200 ? 300 : high < 21600 ? 1800 : 3600;
  let [first, last] = [Math.round(low / step), Math.round(high / step)];
  if (first === last) {
    first = Math.floor((low + high) / 2 / step);
    last = first + 1;
  }
  const unit = step < 1800 ? 60 : 3600;
  const wide = last > WIDEST * first ? "Wide" : "";
  const text = say((step < 1800 ? "Minutes" : "Hours") + wide);
  return text.replace("{a}", (first * step) / unit).replace("{b}", (last * step) / unit);
}

function put(id, text) {
  const node = find(id);
  if (node && node.textContent !== text) node.textContent = text;
}

function show(id, visible) {
  const node = find(id);
  if (node) node.hidden = !visible;
}

// Said too: a screen reader does not see it appear.
function notify(id, visible) {
  const node = find(id);
  const comes = visible && node.hidden;
  node.hidden = !visible;
  if (comes) speak([...node.querySelectorAll("p")].map((part) => part.textContent.trim()).join(" "));
}

function speak(text) {
  lastSaid = performance.now();
  put("live", text);
}

function switchTo(name) {
  for (const section of standing.querySelectorAll("[data-show]")) {
    section.hidden = section.dataset.show !== name;
  }
  phase = name;
}

function itIsMyTurn() {
  switchTo("called");
  document.title = `● ${say("Turn")}`;
  speak(say("Turn"));
  for (const node of document.querySelectorAll("[data-until-turn], #paused, #still")) node.hidden = true;
  standing.scrollIntoView();
  find("enter").querySelector("button").focus({ preventScroll: true });
  call(CALLS);
}

// Again and again until the page is looked at: the tab may be behind another one.
function call(left) {
  chime?.();
  navigator.vibrate?.([200, 100, 200]);
  if (left === CALLS) showNotification();
  const again = () => document.hidden && call(left - 1);
  if (left > 1) setTimeout(again, CALL_SECONDS * 1000);
}

async function showNotification() {
  if (!document.hidden || window.Notification?.permission !== "granted") return;
  const { showTurn } = await import("./turn-notification.js");
  showTurn(say("Turn"), say("Stays"), scope);
}

async function placeFromDraw(frozen) {
  const entry = Number(standing.dataset.entry);
  if (!frozen.seed || entry > frozen.count) return entry;
  const { placeOf } = await import("./draw.js");
  return placeOf(entry, frozen.count, frozen.seed);
}

// Between the closing of the list and the draw.
function sayDrawing(drawing) {
  const notice = find("drawing");
  if (!notice) return;
  const wasHidden = notice.hidden;
  show("drawing", Boolean(drawing));
  if (!drawing) return;
  show("drawing-late", drawing.late);
  notice.classList.toggle("is-warning", drawing.late);
  put("drawing-at", drawing.due_at.slice(11, 19));
  if (wasHidden) speak(notice.querySelector("p").textContent);
}

// Its number is there, the signatures of the witnesses are not.
function sayWitnessing(witnessing) {
  const notice = find("witnessing");
  if (!notice) return;
  const wasHidden = notice.hidden;
  show("witnessing", Boolean(witnessing));
  if (!witnessing) return;
  put("witnesses-until", witnessing.until.slice(11, 19));
  if (wasHidden) speak(notice.querySelector("p").textContent.trim());
}

function serverTime() {
  return clock.time + performance.now() - clock.seen;
}

function readClock(response, now) {
  const stamp = Date.parse(response.headers.get("Date") ?? "") || Date.parse(now.time);
  const age = Number(response.headers.get("Age")) * 1000 || 0;
  clock = { time: stamp + age, seen: performance.now(), opens: Date.parse(now.opens_at) };
}

function countDown() {
  const node = find("countdown");
  if (!node || !clock || phase !== "gathering") return;
  const seconds = Math.round((clock.opens - serverTime()) / 1000);
  show("until", seconds > 0 && seconds <= 3600);
  const rest = String(seconds % 60).padStart(2, "0");
  node.textContent = `${Math.floor(seconds / 60)}:${rest}`;
}

function showWaiting(now, still) {
  const ahead = Math.max(0, place - now.serving - 1);
  put("ahead", number.format(ahead));
  put("place", number.format(place));
  put("serving", number.format(now.serving));
  const progress = find("progress");
  progress.max = place;
  progress.value = now.serving;
  const reasons = { stalled: say("Still"), paused: say("Paused") };
  const reason = reasons[still ? "stalled" : now.no_number];
  const range = reason || !ahead ? null : between(now.waits, ahead + 1);
  const wait = reason ?? (ahead ? (range ? inWords(range) : say("Soon")) : say("Next"));
  put("wait", wait);
  sayIfShort(now.left, ahead);
  if (performance.now() - lastSaid > SAY_SECONDS * 1000) {
    const people = ahead ? say("Ahead").replace("{n}", number.format(ahead)) : say("Next");
    speak(range ? `${people} ${wait}.` : people);
  }
  return ahead;
}

// Said at once when there may not be enough, and again when that changes.
function sayIfShort(left, ahead) {
  const isShort = Number.isInteger(left) && ahead >= left;
  const wasShort = !find("not-enough").hidden;
  if (isShort === wasShort) return;
  show("not-enough", isShort);
  show("enough", !isShort && Number.isInteger(left));
  const notice = find(isShort ? "not-enough" : "enough");
  if (!notice.hidden) speak(notice.querySelector("p").textContent);
}

function secondsUntilNext(now, ahead) {
  if (ahead === null) return now.poll_seconds;
  const row = now.polls.findLast(([distance]) => ahead >= distance);
  return row ? row[1] : now.poll_seconds;
}

async function take(now) {
  if (now.state === "closed") return location.reload();
  put("pause-message", now.message[document.documentElement.lang] || now.message.en || now.message.ko);
  // The called may enter all the same.
  const waits = phase !== "called";
  notify("paused", waits && now.state === "paused");
  const still = now.state === "open" && serverTime() - Date.parse(now.time) > OLD_SECONDS * 1000;
  notify("still", waits && still);
  // Before they have signed, the witnesses are late, not the number.
  sayDrawing(now.witnessing ? null : now.drawing);
  sayWitnessing(now.witnessing);
  if (place === null && now.frozen) place = await placeFromDraw(now.frozen);
  if (phase === "called") return secondsUntilNext(now, 0) * 10;
  if (place === null) return secondsUntilNext(now, null);
  if (place <= now.serving) {
    itIsMyTurn();
    return secondsUntilNext(now, 0) * 10;
  }
  if (phase === "gathering") switchTo("waiting");
  return secondsUntilNext(now, showWaiting(now, still));
}

async function poll() {
  // One at a time, whatever the tab does.
  clearTimeout(timer);
  if (isPolling) return;
  isPolling = true;
  lastPoll = performance.now();
  let seconds;
  try {
    const response = await fetch(standing.dataset.now, { credentials: "omit" });
    if (!response.ok) throw new Error(response.status);
    const now = await response.json();
    readClock(response, now);
    failures = 0;
    notify("offline", false);
    seconds = await take(now);
  } catch {
    failures += 1;
    notify("offline", failures > 1);
    seconds = Math.min(3 * 2 ** failures, 60);
  }
  isPolling = false;
  // Spread, so that people who came together do not all ask together.
  if (seconds) timer = setTimeout(poll, seconds * (800 + 400 * Math.random()));
}

async function knock() {
  const form = find("enter");
  try {
    const response = await fetch(form.action, {
      method: "POST", body: new FormData(form), redirect: "manual",
    });
    if (response.type === "opaqueredirect") return location.assign(standing.dataset.booking);
    if (response.status !== 409 && response.status < 500) return location.reload();
  } catch {
    // Gone for a moment; the next knock comes anyway.
  }
  setTimeout(knock, DOOR_SECONDS * (800 + 400 * Math.random()));
}

function offerSound() {
  if (!window.AudioContext) return;
  show("sound-row", true);
  let audio = null;
  find("sound").addEventListener("click", () => {
    const off = Boolean(chime);
    find("sound").setAttribute("aria-pressed", String(!off));
    if (off) return (chime = null);
    // A browser lets a page sound, and ask for notifications, only after a button was pressed.
    audio ??= new AudioContext();
    window.Notification?.requestPermission?.();
    chime = () => {
      for (const [start, pitch] of [[0, 660], [0.25, 880], [0.5, 660], [0.75, 880]]) {
        const tone = new OscillatorNode(audio, { frequency: pitch });
        const volume = new GainNode(audio, { gain: 0.2 });
        tone.connect(volume).connect(audio.destination);
        tone.start(audio.currentTime + start);
        tone.stop(audio.currentTime + start + 0.2);
      }
    };
    chime();
  });
}

// Only now: on a slow line they would delay this page's own sheet.
for (const href of find("script").dataset.ahead.split(" ")) {
  document.head.append(Object.assign(document.createElement("link"), { rel: "prefetch", href }));
}

// It says "no connection" where this page can't be fetched again.
const scope = location.pathname.replace(/[^/]+\/$/, "");
const worker = `${standing.dataset.worker}?language=${document.documentElement.lang}`;
navigator.serviceWorker?.register(worker, { scope }).catch(() => {});

// Few open this part.
find("check").addEventListener("toggle", () => import("./ticket-check.js"), { once: true });

if (phase === "door") {
  speak(find("door").textContent.trim());
  show("enter", false);
  setTimeout(knock, DOOR_SECONDS * 1000);
} else {
  if (phase === "called") document.title = `● ${title}`;
  else offerSound();
  poll();
  setInterval(countDown, 1000);
  // Back from sleep or another tab: what is shown may be old.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && performance.now() - lastPoll > FRESH_SECONDS * 1000) poll();
  });
  addEventListener("online", poll);
}
