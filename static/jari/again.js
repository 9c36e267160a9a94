// On the page of an outage: sends what was typed again, spread, so that not all come at once.
setTimeout(
  () => document.getElementById("again").requestSubmit(),
  12_000 + 6_000 * Math.random(),
);
