// Fetches the page again as soon as the portal answers: at once when the device says so, else now and then.
const SECONDS = 10;
const { alive } = document.querySelector("[data-alive]").dataset;

async function tryAgain() {
  try {
    const answer = await fetch(alive, { cache: "no-store", credentials: "omit" });
    if (answer.ok) location.reload();
  } catch {
    // Still no connection.
  }
}

addEventListener("online", tryAgain);
setInterval(tryAgain, SECONDS * 1000);
