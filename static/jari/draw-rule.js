// Whether a draw was held by the rule of its plan, as verify_line.py checks it: docs/line-log.md,
// "The draw". What only the program can check is the beacon's own signature (BLS).
import { commitment, fromHex, seedFrom, sha256, toHex } from "./draw.js";

const QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
const GENESIS = 1692803367;
const PERIOD = 3;
const SECOND = 1e6; // times are in microseconds
const PATIENCE = 600; // seconds that a planned source has before the plan's stated value may be used
const RULE = ["order", "source", "after", "chain", "officers", "statement", "witnesses", "quorum", "wait"];

const firstRound = (at) => Math.max(0, Math.ceil((at - GENESIS * SECOND) / (PERIOD * SECOND))) + 1;
const timeOf = (round) => (GENESIS + (round - 1) * PERIOD) * SECOND;

// `acts` are those of the log: with the number of their page, and whether that came after the first
// with tickets (`late`); `joined` is when the first person joined; `shown` is what the page says: seed,
// inputs, digest and count. Answers with codes.
export function wrongs({ acts, joined, shown }) {
  const found = new Set();
  const need = (holds, code) => holds || found.add(code);
  const [plans, commits, freezes, reveals] = ["plan", "commit", "freeze", "reveal"]
    .map((name) => acts.filter(({ act }) => act === name));
  const [plan, freeze, reveal] = [plans.at(-1), freezes[0], reveals[0]];
  if (!plan || !freeze || !reveal) return ["missing"];
  need(freezes.length === 1 && reveals.length === 1, "twice");
  plans.forEach((each, at) => {
    const changed = RULE.some((key) => each[key] !== plans[at - 1]?.[key]);
    need(each.at <= freeze.at && !(changed && (each.late || each.at > joined)), "changed");
  });
  need(freeze.at >= plan.opens_at, "opening");
  const isShown = shown.seed === reveal.seed && shown.inputs === reveal.inputs
    && shown.digest === freeze.digest && shown.count === freeze.count;
  need(isShown && seedFrom(freeze.digest, reveal.inputs) === reveal.seed, "seed");

  const inputs = new Map(reveal.inputs.split("\n").map((line) => line.split(/=(.*)/s).slice(0, 2)));
  const due = freeze.at + (plan.after ?? 0) * SECOND;
  need(reveal.page > freeze.page && reveal.at >= due && due >= freeze.at, "known");
  const opened = checkSecrets({ commits, inputs, joined }, need);
  need(reveal.source === plan.source, "source");
  if (plan.source === "drand" && inputs.has("beacon")) checkBeacon({ plan, reveal, due, freeze, inputs }, need);
  else if (plan.source === "sample" && inputs.has("sample")) inputs.delete("sample");
  else if (plan.source !== "officers" || opened !== plan.officers) {
    const isTime = plan.source === "stated" || reveal.at >= due + PATIENCE * SECOND;
    need(inputs.delete("stated") && plan.statement && isTime, "source");
  }
  need(inputs.size === 0, "source");
  return [...found];
}

// How many officers opened what they had committed to; the portal must have.
function checkSecrets({ commits, inputs, joined }, need) {
  const promised = new Map();
  for (const { by = "portal", commitment: value, at, late } of commits) {
    const isInTime = by === "portal" || !(late || at > joined);
    need((promised.get(by) ?? value) === value && isInTime, "secret");
    promised.set(by, value);
  }
  need(promised.has("portal") && inputs.has("portal"), "secret");
  let opened = 0;
  for (const [by, value] of promised) {
    const name = by === "portal" ? by : `officer ${by}`;
    if (!inputs.has(name)) continue;
    need(commitment(inputs.get(name)) === value, "secret");
    inputs.delete(name);
    opened += by !== "portal";
  }
  return opened;
}

function checkBeacon({ plan, reveal, due, freeze, inputs }, need) {
  need(plan.chain === QUICKNET, "chain");
  need(reveal.round === firstRound(due), "round");
  need(reveal.at >= timeOf(reveal.round) && timeOf(reveal.round) >= freeze.at, "known");
  need(toHex(sha256(fromHex(reveal.signature))) === inputs.get("beacon"), "signature");
  inputs.delete("beacon");
}
