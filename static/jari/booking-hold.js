// The clock of a held time or of the stay in booking, and what was typed kept in this tab: a reload,
// the language or an error page loses neither. Without this script the page says until when.

const SOON_SECONDS = 120;
const clock = document.querySelector(".booking-clock, .booking-stay");
const form = document.querySelector("form[data-keep]");

if (clock) {
  // Counted from when the page came, never by the device's clock.
  const ends = performance.now() + Number(clock.dataset.seconds) * 1000;
  const left = clock.querySelector(".booking-left, .booking-stay-left");
  const warning = clock.querySelector(".booking-warning");
  // Said once, politely: a screen reader hears the warning and not every second.
  const say = (sentence) => {
    if (warning.textContent !== sentence) warning.textContent = sentence;
  };
  const end = () => {
    say(warning.dataset.over);
    const after = document.querySelector("[data-after]");
    const focused = document.activeElement?.closest("[data-while]");
    for (const one of document.querySelectorAll("[data-while]")) one.hidden = true;
    if (after) after.hidden = false;
    if (focused) after.focus();
    clearInterval(timer);
  };
  const show = () => {
    const seconds = Math.max(0, Math.round((ends - performance.now()) / 1000));
    const parts = { m: Math.floor(seconds / 60), s: String(seconds % 60).padStart(2, "0") };
    left.textContent = left.dataset.text.replace(/\{(\w)\}/g, (_all, name) => parts[name]);
    left.hidden = false;
    clock.classList.toggle("is-soon", seconds < SOON_SECONDS);
    if (seconds === 0) end();
    else if (seconds < SOON_SECONDS) say(warning.dataset.soon);
  };
  const timer = setInterval(show, 1000);
  show();
  // Timers of a page kept by the browser stood still: ask the server how long is left.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

if (form) {
  // With this entry of the tab's history and in no storage of the browser: gone with the tab.
  const key = form.dataset.keep;
  const fields = () => [...form.elements].filter((one) => one.name && one.type !== "hidden");
  const keep = () => {
    const typed = fields()
      .filter((one) => one.type !== "radio" || one.checked)
      .map((one) => [one.name, one.value]);
    history.replaceState({ key, typed }, "");
  };
  // The page that answers a choice is the page of the hold: reload asks for it and sends nothing.
  if (form.id === "confirm") history.replaceState(history.state, "", form.action);
  const kept = history.state?.key === key ? history.state.typed : [];
  for (const [name, value] of kept) {
    for (const field of fields().filter((one) => one.name === name)) {
      if (field.type === "radio") field.checked = field.value === value;
      else if (!field.value) field.value = value;
    }
  }
  keep(); // also what the server gave back, as after a change of language
  form.addEventListener("input", keep);
}
