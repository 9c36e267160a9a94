import { placeOf } from "./draw.js";
import { wrongs } from "./draw-rule.js";

const check = document.getElementById("check");
const form = document.getElementById("check-form");
const answer = document.getElementById("check-answer");
const { inputs, digest, seed, joined } = check.dataset;
const count = Number(check.dataset.count);
const acts = JSON.parse(check.dataset.acts);

function judge() {
  const shown = { inputs, digest, seed, count };
  // In a line that nobody joined, nobody joined before anything.
  const codes = wrongs({ acts, joined: Number(joined) || Infinity, shown });
  const { source } = acts.findLast(({ act }) => act === "plan") ?? {};
  const sentence = (code) => answer.dataset[`say${code[0].toUpperCase()}${code.slice(1)}`];
  if (codes.length) return codes.map(sentence);
  return [answer.dataset.right, ...(source === "drand" ? [answer.dataset.unchecked] : [])];
}

form.hidden = false;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const entry = Number(document.getElementById("entry").value);
  if (!Number.isSafeInteger(entry) || entry < 1) return;
  const parts = [`${answer.dataset.place} ${placeOf(entry, count, seed).toLocaleString()}.`];
  if (entry > count) parts.push(answer.dataset.after);
  const found = judge();
  const right = found[0] === answer.dataset.right;
  answer.className = `jari-notice ${right ? "is-success" : "is-danger"}`;
  answer.textContent = [...parts, ...found].join(" ");
  answer.hidden = false;
});
