// Says "no connection" where a page of a place in the line can't be fetched, in the reader's language. Kept
// are that page and what it needs, never a page of a person; so no old number can be taken for a new one.
const [PAGE, ...PARTS] = [{% for address in kept %}"{{ address|escapejs }}", {% endfor %}];
const CACHE = "ticket-{{ version }}";

async function keep() {
  const cache = await caches.open(CACHE);
  // Without cookies: what is kept is the same for everybody.
  const requests = [PAGE, ...PARTS].map((address) => new Request(address, { credentials: "omit" }));
  await cache.addAll(requests);
  await self.skipWaiting();
}

async function forgetOthers() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith("ticket-") && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function page(request) {
  try {
    return await fetch(request);
  } catch {
    return (await caches.match(PAGE)) ?? Response.error();
  }
}

// "It is your turn" was pressed: the page that showed it, or that address again if it was closed.
async function bringToFront({ data }) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const shown = pages.find(({ url }) => url === data);
  return shown ? shown.focus() : self.clients.openWindow(data);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(bringToFront(event.notification));
});
self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(forgetOthers()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { pathname, search } = new URL(request.url);
  if (request.mode === "navigate" && request.method === "GET") event.respondWith(page(request));
  else if (PARTS.includes(pathname + search)) {
    event.respondWith(caches.match(request.url).then((kept) => kept ?? fetch(request)));
  }
});
