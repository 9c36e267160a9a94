// Printing needs a script; without it the browser's own menu prints the same page.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// Sharing: by what the device offers, else by copying. Without a script the text is marked by hand.
const shared = document.querySelector("[data-shared]");
const share = document.querySelector("[data-share]");
const copy = document.querySelector("[data-copy]");
if (shared && navigator.share) {
  share.hidden = false;
  // Closing the device's own dialog is no error.
  share.addEventListener("click", () => navigator.share({ text: shared.value }).catch(() => {}));
}
if (shared && navigator.clipboard) {
  copy.hidden = false;
  // Where the device shares nothing, copying is the one thing to press.
  if (!navigator.share) copy.classList.replace("secondary", "primary");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(shared.value);
    document.querySelector("[data-said]").textContent = copy.dataset.copy;
  });
}
