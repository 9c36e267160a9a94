// Before the form is sent it asks whether there is room: a portal that is too busy refuses a form
// unread, and what was typed would be gone. Until there is room the form waits here, for as long as
// the portal says each time, and then goes by itself.
const form = document.getElementById("identity");
const box = document.getElementById("arrival");
const left = box.querySelector("[data-left]");
const ASK_SECONDS = 10; // a portal that says nothing for longer gets the form

let timer = 0; // of the clock while the form waits
let goes = false;

form.addEventListener("submit", (event) => {
  if (goes) return;
  event.preventDefault();
  if (!timer) ask(event.submitter);
});

// A page that the browser kept.
addEventListener("pageshow", (event) => event.persisted && stop());

document.getElementById("arrival-stop").addEventListener("click", stop);

async function ask(button) {
  const seconds = await secondsToWait();
  if (!seconds) {
    goes = true;
    form.requestSubmit(button);
    return;
  }
  const ends = performance.now() + seconds * 1000;
  const show = () => {
    const rest = Math.ceil((ends - performance.now()) / 1000);
    left.textContent = Math.max(rest, 0);
    if (rest > 0) return;
    clearInterval(timer);
    timer = 0;
    ask(button);
  };
  timer = setInterval(show, 1000);
  show();
  box.firstElementChild.hidden = false;
}

async function secondsToWait() {
  try {
    const options = { cache: "no-store", signal: AbortSignal.timeout(ASK_SECONDS * 1000) };
    const answer = await fetch(box.dataset.room, options);
    return answer.status === 503 ? Number(answer.headers.get("Retry-After")) || ASK_SECONDS : 0;
  } catch {
    return 0;
  }
}

function stop() {
  clearInterval(timer);
  timer = 0;
  goes = false;
  box.firstElementChild.hidden = true;
}
