// The draw, as waiting_room/draw.py holds it: swap-or-not of the Ethereum consensus specification,
// 90 rounds, SHA-256. In plain script, so that it runs on any page and without a secure context.

const ROUNDS = 90;
const K = constants((prime) => Math.cbrt(prime), 64);
const START = constants((prime) => Math.sqrt(prime), 8);

function constants(root, count) {
  const found = [];
  for (let candidate = 2; found.length < count; candidate += 1) {
    let divisor = 2;
    while (divisor * divisor <= candidate && candidate % divisor) divisor += 1;
    if (divisor * divisor > candidate) found.push((root(candidate) % 1) * 2 ** 32 | 0);
  }
  return found;
}

export function sha256(bytes) {
  const length = (((bytes.length + 8) >> 6) + 1) << 6;
  const padded = new Uint8Array(length);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  view.setUint8(bytes.length, 0x80);
  view.setUint32(length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(length - 4, bytes.length << 3);
  const hash = Int32Array.from(START);
  for (let block = 0; block < length; block += 64) compress(hash, view, block);
  const out = new DataView(new ArrayBuffer(32));
  hash.forEach((word, index) => out.setInt32(index * 4, word));
  return new Uint8Array(out.buffer);
}

const words = new Int32Array(64);

// One block of 64 bytes. Turns are written out and assignments plain: a phone runs this some hundred
// times before it compiles it.
function compress(hash, view, block) {
  for (let index = 0; index < 16; index += 1) words[index] = view.getInt32(block + index * 4);
  for (let index = 16; index < 64; index += 1) {
    const early = words[index - 15];
    const late = words[index - 2];
    const first = (early >>> 7 | early << 25) ^ (early >>> 18 | early << 14) ^ early >>> 3;
    const second = (late >>> 17 | late << 15) ^ (late >>> 19 | late << 13) ^ late >>> 10;
    words[index] = words[index - 16] + first + words[index - 7] + second;
  }
  let [a, b, c, d, e, f, g, h] = hash;
  for (let index = 0; index < 64; index += 1) {
    const upper = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
    const one = h + upper + (e & f ^ ~e & g) + K[index] + words[index] | 0;
    const lower = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
    const two = lower + (a & b ^ a & c ^ b & c) | 0;
    h = g;
    g = f;
    f = e;
    e = d + one | 0;
    d = c;
    c = b;
    b = a;
    a = one + two | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => { hash[index] = (hash[index] + word) | 0; });
}

export const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

// The place, from 1, of an entry number, from 1.
export function placeOf(entry, count, seedHex) {
  if (entry > count) return entry;
  const seed = fromHex(seedHex);
  const source = new Uint8Array(37);
  source.set(seed);
  let index = entry - 1;
  for (let round = 0; round < ROUNDS; round += 1) {
    source[32] = round;
    const pivotBytes = new DataView(sha256(source.subarray(0, 33)).buffer);
    const pivot = Number(pivotBytes.getBigUint64(0, true) % BigInt(count));
    const flip = (pivot - index + count) % count;
    const position = Math.max(index, flip);
    new DataView(source.buffer).setUint32(33, Math.floor(position / 256), true);
    const byte = sha256(source)[(position >> 3) & 31];
    if ((byte >> (position & 7)) & 1) index = flip;
  }
  return index + 1;
}

const text = new TextEncoder();
const joined = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));

export const commitment = (secretHex) =>
  toHex(sha256(joined(text.encode("jari/draw/commitment/v1\n"), fromHex(secretHex))));

export function seedFrom(digestHex, inputs) {
  const tag = text.encode("jari/draw/seed/v2\n");
  return toHex(sha256(joined(tag, fromHex(digestHex), text.encode(inputs))));
}
