// Does the proof of work that the page asks for, and sends the form again with its answer. Where a
// field is empty, as passwords are on a page that comes back, the person sends it.
const box = document.querySelector("[data-work]");
const form = box?.closest("form");

if (form && window.crypto?.subtle && window.Worker) {
  const challenge = JSON.parse(box.dataset.work);
  const count = Math.max(1, Math.min(4, navigator.hardwareConcurrency || 2));
  const workers = Array.from({ length: count }, () => new Worker(box.dataset.worker));
  box.querySelector("[data-working]").hidden = false;
  box.querySelector("[data-waiting]").hidden = true;
  workers.forEach((worker, start) => {
    worker.onmessage = ({ data }) => {
      if (!data || data.error) return;
      workers.forEach((other) => other.terminate());
      form.elements.work.value = btoa(JSON.stringify({ challenge, solution: data }));
      if (![...form.elements].some((field) => field.required && !field.value)) form.requestSubmit();
    };
    worker.postMessage({ type: "work", challenge, counterStart: start, counterStep: count });
  });
}
