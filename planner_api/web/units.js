// Numbers with their units, as people read them.

const MINUS = "\u2212";
const THIN = "\u202f";

/** @param {number} value @param {number} decimals */
export function fixed(value, decimals) {
  return value.toFixed(decimals).replace("-", MINUS);
}

/** A time: microseconds below 1 ms, milliseconds below 10 s, else seconds. */
export function time(us) {
  const size = Math.abs(us);
  if (size < 1000) return `${fixed(us, 0)}${THIN}µs`;
  if (size < 10_000_000) return `${fixed(us / 1000, size < 10_000 ? 2 : 1)}${THIN}ms`;
  return `${fixed(us / 1e6, 2)}${THIN}s`;
}

/** From one moment to another, the unit said once: microseconds below 1 ms, else milliseconds. */
export function stretch(startUs, endUs) {
  const [unit, perUnit] = endUs < 1000 ? ["µs", 1] : ["ms", 1000];
  const decimals = perUnit === 1 ? 0 : endUs < 10_000 ? 2 : 1;
  return `${fixed(startUs / perUnit, decimals)} – ${fixed(endUs / perUnit, decimals)}${THIN}${unit}`;
}

/** A size: bytes below 1 KiB, KiB below 1 MiB, MiB below 1 GiB, else GiB. */
export function size(bytes) {
  const absolute = Math.abs(bytes);
  if (absolute < 1024) return `${fixed(bytes, 0)}${THIN}B`;
  if (absolute < 1024 ** 2) return `${fixed(bytes / 1024, 1)}${THIN}KiB`;
  if (absolute < 1024 ** 3) return `${fixed(bytes / 1024 ** 2, 2)}${THIN}MiB`;
  return `${fixed(bytes / 1024 ** 3, 2)}${THIN}GiB`;
}

/** A score or gain in four significant digits. */
export function score(value) {
  if (value === 0) return "0";
  const plain = Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6;
  const text = plain ? String(Number(value.toPrecision(4))) : value.toExponential(2);
  return text.replaceAll("-", MINUS);
}

/** The same with its sign. */
export function signed(value, format = score) {
  return value > 0 ? `+${format(value)}` : format(value);
}

/** A share as percent. */
export function percent(share, decimals = 1) {
  return `${fixed(100 * share, decimals)}${THIN}%`;
}

/** A rate with bytes per second. */
export function rate(bytesPerSecond) {
  return `${size(bytesPerSecond)}/s`;
}

/** A moment in microseconds since 1970, in the reader's own zone. */
export function moment(us) {
  return new Date(us / 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** A digest, short enough for a table. */
export function shortDigest(digest) {
  return `${digest.replace("sha256:", "").slice(0, 10)}…`;
}
