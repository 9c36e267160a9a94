// Checks that a ticket stands in the published log: the formats of C2SP (signed-note,
// tlog-checkpoint, tlog-cosignature, tlog-policy, tlog-proof) and docs/line-log.md.
// Nothing here knows the page; what is wrong is thrown as a Wrong, whose code the page words.
const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });
const subtle = globalThis.crypto?.subtle;
const ED25519 = 1;
const COSIGNATURE = 4;

export class Wrong extends Error {
  constructor(code, values = {}) {
    super(code);
    Object.assign(this, { code, values });
  }
}

function need(holds, code, values) {
  if (!holds) throw new Wrong(code, values);
}

// Without a secure context a browser has no WebCrypto; the draw's own script hashes too. Where there is
// one it takes half the time: a script that runs for the first time is not compiled yet.
const sha256 = subtle
  ? async (bytes) => new Uint8Array(await subtle.digest("SHA-256", bytes))
  : (await import("./draw.js")).sha256;

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

function fromBase64(encoded) {
  const binary = atob(encoded);
  // Written in the one way that encodes back to itself.
  if (btoa(binary) !== encoded) throw new SyntaxError("base64");
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

function fromHex(digits) {
  if (!/^[0-9a-f]{64}$/.test(digits)) throw new SyntaxError("hash");
  return Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
}

function count(value) {
  if (!Number.isSafeInteger(value) || value < 0) throw new SyntaxError("number");
  return value;
}

const decimal = (digits) => {
  if (String(Number(digits)) !== digits) throw new SyntaxError("number");
  return count(Number(digits));
};

// The root that an inclusion proof leads to (RFC 9162, 2.1.3.2); nothing if it has another length.
async function rootFrom(leaf, index, size, path) {
  if (index >= size) return [];
  let [number, last, node] = [index, size - 1, leaf];
  for (const step of path) {
    if (!last) return [];
    if (number % 2 || number === last) {
      node = await sha256(joined([1], step, node));
      while (number && number % 2 === 0) [number, last] = [number / 2, Math.floor(last / 2)];
    } else {
      node = await sha256(joined([1], node, step));
    }
    [number, last] = [Math.floor(number / 2), Math.floor(last / 2)];
  }
  return last ? [] : node;
}

function parseNote(note) {
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || !note.endsWith("\n")) throw new SyntaxError("note");
  const [origin, size, encodedRoot] = note.slice(0, end).split("\n");
  const root = fromBase64(encodedRoot);
  if (root.length !== 32) throw new SyntaxError("root");
  const signatures = note.slice(end + 2, -1).split("\n").map((line) => {
    const [, name, encoded] = line.match(/^— ([^ +]+) (\S+)$/);
    const bytes = fromBase64(encoded);
    return { name, id: hex(bytes.slice(0, 4)), value: bytes.slice(4) };
  });
  return { body: note.slice(0, end + 1), origin, size: decimal(size), root, signatures };
}

function parseProof(proof) {
  const end = proof.indexOf("\n\n");
  const [first, extra, index, ...path] = proof.slice(0, end).split("\n");
  if (end < 0 || first !== "c2sp.org/tlog-proof@v1") throw new SyntaxError("proof");
  return {
    index: decimal(index.match(/^index (\d+)$/)[1]),
    path: path.map(fromBase64),
    note: parseNote(proof.slice(end + 2)),
    extra: JSON.parse(text.decode(fromBase64(extra.match(/^extra (\S+)$/)[1]))),
  };
}

async function parseKey(vkey) {
  const [, name, id, encoded] = vkey.match(/^([^+]+)\+([0-9a-f]{8})\+(\S+)$/);
  const key = fromBase64(encoded);
  const digest = await sha256(joined(utf8.encode(`${name}\n`), key));
  if (hex(digest.slice(0, 4)) !== id || key.length !== 33) throw new SyntaxError("key");
  return { name, id, kind: key[0], key: key.slice(1) };
}

// Who signs the log, who cosigns it, and `isQuorum`, which takes the names of those who did.
async function parsePolicy(policy) {
  const [logs, witnesses, groups] = [[], new Map(), new Map()];
  let quorum;
  for (const line of policy.split("\n")) {
    const [kind, name, ...rest] = line.trim().split(/[ \t]+/);
    if (kind === "log") logs.push(await parseKey(name));
    else if (kind === "witness") witnesses.set(name, await parseKey(rest[0]));
    else if (kind === "group") groups.set(name, rest);
    else if (kind === "quorum") quorum = name;
    else if (kind && !kind.startsWith("#")) throw new SyntaxError("policy");
  }
  const has = (name, signed) => {
    if (name === "none" || signed.has(name)) return true;
    if (witnesses.has(name)) return false;
    const [most, ...members] = groups.get(name);
    const needed = { all: members.length, any: 1 }[most] ?? decimal(most);
    return members.filter((member) => has(member, signed)).length >= needed;
  };
  const keys = [...logs, ...witnesses.values()].map(({ key }) => hex(key));
  if (new Set(keys).size < keys.length) throw new SyntaxError("one key twice");
  if (![...witnesses.keys(), ...groups.keys(), "none"].includes(quorum)) throw new SyntaxError("quorum");
  return { logs, witnesses, isQuorum: (signed) => has(quorum, signed) };
}

// Whether the key signed the note; null if this browser can't check Ed25519. A signature under the
// key's name that is wrong makes the whole note worthless.
async function signed(note, { name, id, kind, key }) {
  const found = note.signatures.find((signature) => signature.name === name && signature.id === id);
  if (!found) return false;
  let [message, value] = [note.body, found.value];
  if (kind === COSIGNATURE) {
    const time = new DataView(value.buffer, value.byteOffset).getBigUint64(0);
    message = `cosignature/v1\ntime ${time}\n${note.body}`;
    value = value.slice(8);
  } else {
    need(kind === ED25519, "unreadable", { what: "policy" });
  }
  let imported;
  try {
    imported = await subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  } catch {
    return null;
  }
  const holds = await subtle.verify("Ed25519", imported, value, utf8.encode(message));
  need(holds, "signature", { name });
  return true;
}

async function checkSignatures(note, policy) {
  const logs = policy.logs.filter(({ name }) => name === note.origin);
  const witnesses = [...policy.witnesses];
  const [byLogs, byWitnesses] = await Promise.all([
    Promise.all(logs.map((key) => signed(note, key))),
    Promise.all(witnesses.map(([, key]) => signed(note, key))),
  ]);
  const first = byLogs.findIndex((done) => done !== false);
  need(first >= 0, "unsigned", { name: note.origin });
  const names = witnesses.flatMap(([name], at) => byWitnesses[at] === false ? [] : [name]);
  const [k, n] = [names.length, witnesses.length];
  need(policy.isQuorum(new Set(names)), "quorum", { k, n });
  return { name: note.origin, key: logs[first].id, unchecked: byLogs[first] === null, k, n };
}

async function readable(what, parse, given) {
  try {
    return await parse(given);
  } catch (error) {
    if (error instanceof Wrong) throw error;
    throw new Wrong("unreadable", { what });
  }
}

async function reaches(leaf, index, size, path, root) {
  const hash = await sha256(joined([0], utf8.encode(leaf)));
  return same(await rootFrom(hash, count(index), count(size), path), root);
}

async function checkTicket({ index, path, extra }, ticket, { size, root }) {
  const digest = hex(await sha256(utf8.encode(ticket.id)));
  const [, room, entry, hash] = extra.leaf.match(/^ticket,([^,]+),(\d+),\d+,([0-9a-f]{64})$/);
  const isMine = room === ticket.room && hash === digest && decimal(entry) === ticket.entry;
  need(isMine, "other", { entry });
  const [page, last] = [JSON.parse(extra.page), JSON.parse(extra.last)];
  const leaves = count(page.tickets) + count(page.acts);
  const ways = await Promise.all([
    reaches(extra.leaf, extra.index, leaves, extra.page_path.map(fromHex), fromHex(page.root)),
    reaches(extra.page, index, size, path, root),
    reaches(extra.last, size - 1, size, extra.last_path.map(fromHex), root),
  ]);
  need(ways[0] && page.number === index + 1, "page");
  need(ways[1], "log");
  need(ways[2], "last");
  return { numbers: count(last.upto), at: count(last.at) / 1000 };
}

// What a browser that saw `before` ({size, root}, as `seen` of an earlier answer) may be shown now.
function checkGrowth(note, before) {
  if (!before) return;
  need(note.size >= before.size, "older", { size: note.size, before: before.size });
  need(note.size > before.size || hex(note.root) === before.root, "fork", { size: note.size });
}

// The published log: its signatures, and that it is no older than what was seen before.
export async function checkCheckpoint({ checkpoint, policy, origin, before }) {
  const note = await readable("checkpoint", parseNote, checkpoint);
  need(note.origin === origin, "origin", { name: note.origin });
  const keys = await readable("policy", parsePolicy, policy);
  const signatures = await readable("checkpoint", () => checkSignatures(note, keys));
  checkGrowth(note, before);
  return { note, signatures, seen: { size: note.size, root: hex(note.root) } };
}

// That `ticket` ({id, room, entry}) stands in that log: how many numbers it holds, and since when.
export async function checkProof({ proof, ticket, note }) {
  const parsed = await readable("proof", parseProof, proof);
  need(parsed.note.body === note.body, "fork", { size: parsed.note.size });
  return readable("proof", () => checkTicket(parsed, ticket, note));
}
