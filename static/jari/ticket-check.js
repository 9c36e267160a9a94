// Checks in this browser that the ticket stands in the published log, and says what was shown:
// once when the part of the page about it is opened, and whenever its button is pressed.
import { Wrong, checkCheckpoint, checkProof } from "./tlog.js";

const part = document.getElementById("check");
const answer = document.getElementById("check-answer");
const button = document.getElementById("check-again");
const { proof, checkpoint, policy, origin, ticket, room, entry } = part.dataset;
const number = new Intl.NumberFormat(document.documentElement.lang);
const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
  month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  hourCycle: "h23", timeZone: "Asia/Seoul",
});
// A ticket is taken into the log by the next tick, and a file may be a second old.
const PATIENCE = 3000;

let seen = null; // the log as this page was shown it before: it only grows

function sentence(code, values = {}) {
  const shown = (value) => typeof value === "number" ? number.format(value) : value;
  return part.dataset[`say${code[0].toUpperCase()}${code.slice(1)}`]
    .replace(/\{(\w+)\}/g, (whole, name) => shown(name === "what" ? sentence(values.what) : values[name]));
}

async function load(address, options) {
  const response = await fetch(address, { cache: "no-store", ...options });
  if (response.status === 404) throw new Wrong("missing");
  if (response.status === 403) throw new Wrong("signedout");
  if (!response.ok) throw new Wrong("offline");
  return response.text();
}

async function check() {
  // As everybody gets them: without the cookie, nobody can be shown a log of their own by it.
  const open = { credentials: "omit" };
  const [state, keys] = await Promise.all([load(checkpoint, open), load(policy, open)]);
  const given = { checkpoint: state, policy: keys, origin, before: seen };
  const published = await checkCheckpoint(given);
  const found = await checkProof({
    proof: await load(`${proof}?size=${published.note.size}`),
    ticket: { id: ticket, room, entry: Number(entry) },
    note: published.note,
  });
  seen = published.seen;
  return [published.signatures, found];
}

function inWords([signatures, { numbers, at }]) {
  const parts = [sentence("right", { entry: Number(entry), numbers, at: clock.format(at) })];
  parts.push(sentence(signatures.unchecked ? "unchecked" : "signed", signatures));
  if (signatures.n && !signatures.unchecked) parts.push(sentence("cosigned", signatures));
  return parts.join(" ");
}

function tell(kind, text) {
  answer.className = `jari-notice ${kind}`;
  answer.textContent = text;
  answer.hidden = false;
}

async function run(isAgain = false) {
  button.disabled = true;
  tell("", sentence("busy"));
  try {
    const result = await check();
    tell(result[0].unchecked ? "is-warning" : "is-success", inWords(result));
  } catch (error) {
    const wrong = error instanceof Wrong ? error : new Wrong("offline");
    const passes = ["missing", "older"].includes(wrong.code) && !isAgain;
    if (passes) return setTimeout(run, PATIENCE, true);
    const isAlarm = !["missing", "offline", "signedout"].includes(wrong.code);
    const advice = isAlarm ? ` ${sentence("keep")}` : "";
    tell(isAlarm ? "is-danger" : "is-warning", sentence(wrong.code, wrong.values) + advice);
  }
  button.disabled = false;
}

button.parentElement.hidden = false;
button.addEventListener("click", () => run());
if (part.open) run();
else part.addEventListener("toggle", () => run(), { once: true });
