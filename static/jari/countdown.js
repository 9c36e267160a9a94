// Counts down to a time that the page names in words as well. Counted from when the page came, never
// by the device's clock; at the end the page says so and loads nothing: not all come at once.
for (const node of document.querySelectorAll("[data-countdown]")) {
  const ends = performance.now() + Number(node.dataset.countdown) * 1000;
  const two = (number) => String(number).padStart(2, "0");
  const show = () => {
    const left = Math.max(0, Math.round((ends - performance.now()) / 1000));
    const days = Math.floor(left / 86400);
    const time = [Math.floor(left / 3600) % 24, Math.floor(left / 60) % 60, left % 60];
    const text = days ? node.dataset.days : node.dataset.text;
    const values = { d: days, t: time.map(two).join(":") };
    node.textContent = text.replace(/\{(\w)\}/g, (_all, name) => values[name]);
    if (left) return;
    clearInterval(timer);
    node.textContent = node.dataset.over;
    node.setAttribute("aria-live", "polite");
  };
  const timer = setInterval(show, 1000);
  show();
  node.hidden = false;
  // Timers of a page kept by the browser stood still.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}
