// Fetched only when a person is called behind another tab and has allowed notifications.

export async function showTurn(title, body, scope) {
  const more = { body, tag: "turn", requireInteraction: true, data: location.href };
  try {
    // Phones let only a service worker do it, which brings this page to the front when pressed.
    const worker = await navigator.serviceWorker?.getRegistration(scope);
    if (worker?.active) return await worker.showNotification(title, more);
    new Notification(title, more).onclick = () => window.focus();
  } catch {
    // Title, sound and message remain.
  }
}
