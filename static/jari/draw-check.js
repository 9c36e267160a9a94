import { commitment, placeOf, seedFrom } from "./draw.js";

const check = document.getElementById("check");
const form = document.getElementById("check-form");
const answer = document.getElementById("check-answer");
const { inputs, digest, seed, count } = check.dataset;

function belongTogether() {
  const portal = inputs.split("\n").find((line) => line.startsWith("portal=")) ?? "";
  return commitment(portal.slice("portal=".length)) === check.dataset.commitment
    && seedFrom(digest, inputs) === seed;
}

form.hidden = false;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const entry = Number(document.getElementById("entry").value);
  if (!Number.isSafeInteger(entry) || entry < 1) return;
  const place = placeOf(entry, Number(count), seed);
  const parts = [`${answer.dataset.place} ${place.toLocaleString()}.`];
  if (entry > Number(count)) parts.push(answer.dataset.after);
  const right = belongTogether();
  parts.push(right ? answer.dataset.right : answer.dataset.wrong);
  answer.className = `jari-notice ${right ? "is-success" : "is-danger"}`;
  answer.textContent = parts.join(" ");
  answer.hidden = false;
});
