// A form with data-passkey asks the browser for a passkey ("get" or "create") as data-options says,
// and sends the answer in its field `credential`.
const decode = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));

const encode = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

const listed = (keys) => (keys || []).map((key) => ({ ...key, id: decode(key.id) }));

function asked(options) {
  const bytes = { ...options, challenge: decode(options.challenge) };
  if (options.user) bytes.user = { ...options.user, id: decode(options.user.id) };
  if (options.excludeCredentials) bytes.excludeCredentials = listed(options.excludeCredentials);
  if (options.allowCredentials) bytes.allowCredentials = listed(options.allowCredentials);
  return bytes;
}

function answered({ id, rawId, type, response }) {
  const said = {};
  for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[part]) Object.assign(said, { [part]: encode(response[part]) });
  }
  return JSON.stringify({ id, rawId: encode(rawId), type, response: said, clientExtensionResults: {} });
}

async function send(form) {
  const problem = form.querySelector("[data-passkey-problem]");
  problem.hidden = true;
  try {
    const publicKey = asked(JSON.parse(form.dataset.options));
    const credential = await navigator.credentials[form.dataset.passkey]({ publicKey });
    form.elements.credential.value = answered(credential);
  } catch {
    problem.hidden = false; // broken off, timed out, or there is none for this site
    return;
  }
  form.submit();
}

if (window.PublicKeyCredential) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form);
    });
  }
  for (const note of document.querySelectorAll("[data-no-passkeys]")) note.hidden = true;
}
