// Fetches the page again as soon as the portal answers: at once when the device says so, else now and then.
const SECONDS = 10;
// A network that has just come back is often not ready at once.
const SOON_SECONDS = [0, 1, 3];
const { alive } = document.querySelector("[data-alive]").dataset;

async function tryAgain() {
  try {
    const answer = await fetch(alive, { cache: "no-store", credentials: "omit" });
    if (answer.ok) location.reload();
  } catch {
    // Still no connection.
  }
}

addEventListener("online", () => {
  for (const seconds of SOON_SECONDS) setTimeout(tryAgain, seconds * 1000);
});
setInterval(tryAgain, SECONDS * 1000);
