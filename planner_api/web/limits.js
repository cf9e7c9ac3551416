// How far sliders go and where a scenario starts, from the device and the model.

/** @typedef {{manifest: any, device: any, table: any}} Documents */

const SLIDER_STEPS = 400;

/** The entries of a device that fit a model's layers. */
export function fittingEntries(device, manifest) {
  const { hidden, heads, ffn } = manifest.geometry;
  return device.compute.filter(({ geometry }) =>
    geometry.hidden === hidden && geometry.heads === heads && geometry.ffn === ffn);
}

/** The entry that a scenario uses, or the first that fits; undefined if none does. */
export function usedEntry({ device, manifest }, { computeTarget, sequenceLength }) {
  const entries = fittingEntries(device, manifest);
  const used = (e) => e.target === computeTarget && e.sequence_length === sequenceLength;
  return entries.find(used) ?? entries[0];
}

/** Why a device cannot run a model. */
export function misfit({ device, manifest }) {
  return `${device.name} has no times for layers like ${manifest.model}'s`;
}

/** Ends and step of the slider of the deadline, µs: the narrowest layer up to the whole model. */
export function latencyEnds({ manifest, device }, entry) {
  const layerUs = Object.values(entry.layer_us);
  const decodeUs = manifest.slices * Math.max(...Object.values(entry.shard_decode_us));
  const high = entry.fixed_us + manifest.layers * (Math.max(...layerUs) + decodeUs)
    + readUs(device.storage, layerBytes(manifest, highestQuantised(manifest)));
  const step = niceStep(high / SLIDER_STEPS);
  return ends(Math.min(...layerUs), 1.3 * high, step);
}

/** Of the preload buffer, bytes: up to a quarter of the model at its highest low bitwidth. */
export function preloadEnds({ manifest }) {
  const high = (manifest.layers * layerBytes(manifest, highestQuantised(manifest))) / 4;
  return ends(0, high, 1024 * 2 ** Math.max(0, Math.round(Math.log2(high / 1024 / SLIDER_STEPS))));
}

/** Of the memory limit, bytes: the resident part up to the whole model in memory. */
export function memoryEnds({ manifest, device }, entry) {
  const fixed = manifest.resident_bytes + entry.activation_bytes;
  const high = fixed + manifest.slices * manifest.decoded_shard_bytes
    + manifest.layers * layerBytes(manifest, highestQuantised(manifest));
  const step = 1024 * 2 ** Math.round(Math.log2((high - fixed) / 1024 / SLIDER_STEPS));
  return ends(fixed, Math.min(high, device.memory_bytes), step);
}

function ends(low, high, step) {
  return { low: Math.floor(low / step) * step, high: Math.ceil(high / step) * step, step };
}

/** Bytes of the largest layer at a bitwidth. */
function layerBytes(manifest, bits) {
  return Math.max(...manifest.shard_bytes[bits].map((row) => row.reduce((a, b) => a + b, 0)));
}

function highestQuantised({ bitwidths }) {
  return bitwidths.findLast((bits) => bits < 32) ?? bitwidths[0];
}

function readUs({ bandwidth_bytes_per_s: bandwidth, read_us_by_bytes: table }, bytes) {
  if (bandwidth) return (bytes * 1e6) / bandwidth;
  const [size, us] = Object.entries(table).at(-1);
  return (bytes * us) / Number(size);
}

/** The least of 1, 2, 5, 10, 20… that is not below a value. */
function niceStep(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return power * ([1, 2, 5, 10].find((m) => m * power >= value) ?? 10);
}

/** Where a scenario starts: a third of the deadline's range, one layer at the lowest bitwidth. */
export function startingTarget(documents, entry) {
  const latency = latencyEnds(documents, entry);
  const preload = preloadEnds(documents);
  const oneLayer = layerBytes(documents.manifest, documents.manifest.bitwidths[0]);
  const rounded = (value, { step }) => Math.max(step, Math.round(value / step) * step);
  return {
    latencyUs: rounded(latency.low + (latency.high - latency.low) / 3, latency),
    preloadBytes: rounded(oneLayer, preload),
    computeTarget: entry.target,
    sequenceLength: entry.sequence_length,
  };
}
