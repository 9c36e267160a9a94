// How long the person may still book, counted from when the page came and never by the device's
// clock. Without this script the page says until when.

const SOON_SECONDS = 120;
const stay = document.querySelector(".booking-stay");

if (stay) {
  const ends = performance.now() + Number(stay.dataset.seconds) * 1000;
  const left = stay.querySelector(".booking-stay-left");
  const warning = stay.querySelector(".booking-warning");
  const say = (sentence) => {
    if (warning.textContent !== sentence) warning.textContent = sentence;
  };
  const show = () => {
    const seconds = Math.max(0, Math.round((ends - performance.now()) / 1000));
    const parts = { m: Math.floor(seconds / 60), s: String(seconds % 60).padStart(2, "0") };
    left.textContent = left.dataset.text.replace(/\{(\w)\}/g, (_all, name) => parts[name]);
    left.hidden = false;
    stay.classList.toggle("is-soon", seconds < SOON_SECONDS);
    if (seconds === 0) say(warning.dataset.over);
    else if (seconds < SOON_SECONDS) say(warning.dataset.soon);
  };
  setInterval(show, 1000);
  show();
  // A page kept by the browser has stood still: ask the server how long is left.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}
