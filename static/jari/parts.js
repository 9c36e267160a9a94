// Fetches the parts of a page that the server works out apart, so that the page itself is quick. The
// links beside them lead to the same facts without this script.
(() => {
  "use strict";
  for (const part of document.querySelectorAll("[data-fetch]")) {
    fetch(part.dataset.fetch)
      .then((answer) => {
        // Redirected: to the sign-in, or to the search.
        if (!answer.ok || answer.redirected) throw new Error(`answer ${answer.status}`);
        return answer.text();
      })
      .then((html) => {
        const parsed = new DOMParser().parseFromString(html, "text/html");
        part.replaceChildren(...document.importNode(parsed.body, true).childNodes);
      })
      .catch(() => {});
  }
})();
