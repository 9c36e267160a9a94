// Fetches this page again every few seconds and replaces the parts marked data-live. Forms are not
// among them, so nothing that is being typed is lost.
(() => {
  "use strict";
  const seconds = Number(document.currentScript.dataset.seconds) || 5;

  const old = document.getElementById("live-old");

  async function refresh() {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const here = answer.ok && !answer.redirected; // else signed out
      if (here) replace(await answer.text());
      old.hidden = here;
    } catch {
      old.hidden = false;
    }
    setTimeout(refresh, seconds * 1000);
  }

  function replace(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (next && !next.isEqualNode(part)) part.replaceChildren(...next.childNodes);
    }
  }

  setTimeout(refresh, seconds * 1000);
})();
