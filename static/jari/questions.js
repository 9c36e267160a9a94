// Saves what is answered so far when the page is left, as on a phone that switches apps. The
// server keeps it, encrypted; nothing is stored in the browser. Without this script there is the
// button "save, and send later".
const form = document.getElementById("questions");
let changed = false;

form.addEventListener("input", () => {
  changed = true;
});
form.addEventListener("submit", () => {
  changed = false;
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "hidden" || !changed) return;
  changed = false;
  const data = new FormData(form);
  data.set("draft", "1");
  navigator.sendBeacon(form.action, data);
});
