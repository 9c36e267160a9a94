// Switched off (JARI_SERVICE_WORKER): removes itself and what it kept from the browsers that have it.
async function goAway() {
  for (const name of await caches.keys()) if (name.startsWith("ticket-")) await caches.delete(name);
  await self.registration.unregister();
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(goAway()));
