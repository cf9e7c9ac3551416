// A scenario: everything that makes one answer, as it stands in the address and in a request.

/**
 * @typedef {{layer: number, slice: number, bits: number | null, preload: boolean | null}} ShardRule
 *
 * @typedef {object} Scenario
 * @property {string} device a registered name or a digest
 * @property {string} model
 * @property {string} importance
 * @property {number} latencyUs
 * @property {number} preloadBytes
 * @property {number | null} memoryBytes
 * @property {number | null} readAheadLayers
 * @property {number | null} quantile
 * @property {string} policy
 * @property {number[] | null} bitwidths null: all
 * @property {ShardRule[]} pins
 * @property {ShardRule[]} forbids
 * @property {number} bandwidthFactor
 * @property {number} computeFactor
 * @property {string} computeTarget
 * @property {number} sequenceLength
 */

export const POLICIES = ["optimal", "sti-largest", "sti-deepest", "uniform", "full"];
export const FACTOR_LIMITS = [0.01, 100];

const wholeNumber = (least) => ({
  read: (text) => (/^\d{1,15}$/.test(text) && Number(text) >= least ? Number(text) : undefined),
  write: String,
  rule: `a whole number of at least ${least}`,
});
const between = (low, high, rule) => ({
  read: (text) => (Number(text) > low && Number(text) < high ? Number(text) : undefined),
  write: String,
  rule,
});
const factor = between(0.0099, 100.01, `a number of ${FACTOR_LIMITS[0]} to ${FACTOR_LIMITS[1]}`);
const name = { read: (text) => text || undefined, write: String, rule: "a name or digest" };
const policy = {
  read: (text) => (POLICIES.includes(text) ? text : undefined),
  write: String,
  rule: `one of ${POLICIES.join(", ")}`,
};
const bitList = {
  read: (text) => (/^\d+(\.\d+)*$/.test(text) ? text.split(".").map(Number) : undefined),
  write: (bits) => bits.join("."),
  rule: "bitwidths with dots between them",
};
const shardRules = {
  read: (text) => {
    const rules = text.split("_").map(readRule);
    return rules.every(Boolean) ? rules : undefined;
  },
  write: (rules) => rules.map(writeRule).join("_"),
  rule: "shards such as 3.5b6p_4.1 (layer 3, slice 5 at 6 bit, preloaded; layer 4, slice 1)",
};

/**
 * How each part of a scenario stands in the address: its name there, and how it is read.
 * @type {Record<string, [string, {read: (text: string) => any, write: (value: any) => string, rule: string}]>}
 */
const PARTS = {
  device: ["device", name],
  model: ["model", name],
  importance: ["importance", name],
  latencyUs: ["latency_us", wholeNumber(1)],
  preloadBytes: ["preload_bytes", wholeNumber(0)],
  memoryBytes: ["memory_bytes", wholeNumber(0)],
  readAheadLayers: ["read_ahead_layers", wholeNumber(0)],
  quantile: ["latency_quantile", between(0, 1, "a number between 0 and 1")],
  policy: ["policy", policy],
  bitwidths: ["bitwidths", bitList],
  pins: ["pins", shardRules],
  forbids: ["forbids", shardRules],
  bandwidthFactor: ["bandwidth_factor", factor],
  computeFactor: ["compute_factor", factor],
  computeTarget: ["compute_target", name],
  sequenceLength: ["sequence_length", wholeNumber(1)],
};

/** What the address leaves out. */
export const DEFAULTS = {
  memoryBytes: /** @type {number | null} */ (null),
  readAheadLayers: /** @type {number | null} */ (null),
  quantile: /** @type {number | null} */ (null),
  policy: "optimal",
  bitwidths: /** @type {number[] | null} */ (null),
  pins: /** @type {ShardRule[]} */ ([]),
  forbids: /** @type {ShardRule[]} */ ([]),
  bandwidthFactor: 1,
  computeFactor: 1,
  computeTarget: "cpu",
  sequenceLength: 128,
};

function readRule(text) {
  const found = /^(\d+)\.(\d+)(?:b(\d+))?([ps])?$/.exec(text);
  if (!found) return null;
  const [, layer, slice, bits, place] = found;
  return {
    layer: Number(layer),
    slice: Number(slice),
    bits: bits ? Number(bits) : null,
    preload: place ? place === "p" : null,
  };
}

function writeRule({ layer, slice, bits, preload }) {
  const place = preload === null ? "" : preload ? "p" : "s";
  return `${layer}.${slice}${bits === null ? "" : `b${bits}`}${place}`;
}

/** The part of an address that says this scenario; what is as by default is left out. */
export function toQuery(scenario) {
  const query = new URLSearchParams();
  for (const [part, [key, { write }]] of Object.entries(PARTS)) {
    const value = scenario[part];
    if (value === undefined || isDefault(part, value)) continue;
    query.set(key, write(value));
  }
  return query.toString();
}

function isDefault(part, value) {
  return value === DEFAULTS[part] || (Array.isArray(value) && value.length === 0);
}

/**
 * What an address says, and what of it breaks a rule.
 * @param {URLSearchParams} query
 * @returns {{given: Partial<Scenario>, mistakes: string[]}}
 */
export function fromQuery(query) {
  const given = {};
  const mistakes = [];
  for (const [part, [key, { read, rule }]] of Object.entries(PARTS)) {
    const text = query.get(key);
    if (text === null) continue;
    const value = read(text);
    if (value === undefined) mistakes.push(`${key} must be ${rule}, got “${text}”`);
    else given[part] = value;
  }
  return { given, mistakes };
}

/** The PlanRequest of a scenario. */
export function toRequest(scenario) {
  return {
    schema_version: 1,
    device: scenario.device,
    model: scenario.model,
    importance: scenario.importance,
    target: {
      latency_us: scenario.latencyUs,
      preload_bytes: scenario.preloadBytes,
      memory_bytes: scenario.memoryBytes,
      read_ahead_layers: scenario.readAheadLayers,
      latency_quantile: scenario.quantile,
      compute_target: scenario.computeTarget,
      sequence_length: scenario.sequenceLength,
    },
    options: {
      policy: scenario.policy,
      bitwidths: scenario.bitwidths,
      pins: scenario.pins,
      forbids: scenario.forbids,
    },
  };
}

/** The factors of a device that does not exist, or null. */
export function toWhatIf({ bandwidthFactor, computeFactor }) {
  if (bandwidthFactor === 1 && computeFactor === 1) return null;
  return { bandwidth_factor: bandwidthFactor, compute_factor: computeFactor };
}

/** Which part of a scenario a JSON pointer into the request is about. */
export function partAt(pointer) {
  const path = pointer.replace(/^\/request/, "");
  const among = Object.entries(PARTS).filter(([, [key]]) => path.split("/").includes(key));
  return among.at(-1)?.[0] ?? null;
}

/** Whether a shard is pinned or left out, and how. */
export function ruleOf(scenario, layer, slice) {
  const here = (rule) => rule.layer === layer && rule.slice === slice;
  const pin = scenario.pins.find(here);
  return { pin: pin ?? null, forbidden: scenario.forbids.some(here) };
}

/** The scenario with one shard's rule replaced: `pin` a ShardRule or null, `forbidden` or not. */
export function withRule(scenario, layer, slice, { pin, forbidden }) {
  const elsewhere = (rule) => rule.layer !== layer || rule.slice !== slice;
  const bare = { layer, slice, bits: null, preload: null };
  return {
    ...scenario,
    pins: [...scenario.pins.filter(elsewhere), ...(pin ? [pin] : [])],
    forbids: [...scenario.forbids.filter(elsewhere), ...(forbidden ? [bare] : [])],
  };
}
