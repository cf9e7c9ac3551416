// The documents of a scenario, fetched once each.

import { getJson } from "./client.js";
import { fittingEntries, startingTarget, usedEntry } from "./limits.js";
import { DEFAULTS } from "./scenario.js";

const PATHS = { device: "/v1/devices", model: "/v1/models", importance: "/v1/importance" };
const TRIED_DEVICES = 20;

/** @type {Map<string, Promise<any>>} */
const fetched = new Map();

/**
 * A document by name or digest.
 * @param {"device" | "model" | "importance"} kind @param {string} name
 */
export function fetchDocument(kind, name) {
  const path = `${PATHS[kind]}/${encodeURIComponent(name).replaceAll("%2F", "/")}`;
  if (!fetched.has(path)) {
    const coming = getJson(path);
    coming.catch(() => fetched.delete(path));
    fetched.set(path, coming);
  }
  return fetched.get(path);
}

/** Forget what was fetched, as names may point to newer versions now. */
export function forgetDocuments() {
  fetched.clear();
}

/** Every name the service knows, by kind. */
export async function fetchLists() {
  const [devices, models, importance] = await Promise.all(
    Object.values(PATHS).map((path) => getJson(path).then(({ items }) => items)));
  return { devices, models, importance };
}

/**
 * Take names that nothing is registered by out of what an address gives; digests are taken as
 * they are.
 * @param {Partial<import("./scenario.js").Scenario>} given
 * @param {import("./controls.js").Lists} lists
 * @returns {string[]} what was wrong
 */
export function dropUnknown(given, { devices, models, importance }) {
  const known = { device: devices, model: models, importance };
  const unknown = Object.entries(known).filter(([kind, items]) =>
    given[kind] && !given[kind].startsWith("sha256:") && !items.some(({ name }) => name === given[kind]));
  return unknown.map(([kind]) => {
    const name = given[kind];
    delete given[kind];
    return `${kind} must be a registered name, got “${name}”`;
  });
}

/** The three documents of a scenario. @returns {Promise<import("./limits.js").Documents>} */
export async function fetchDocuments({ device, model, importance }) {
  const [d, m, i] = await Promise.all([
    fetchDocument("device", device), fetchDocument("model", model),
    fetchDocument("importance", importance),
  ]);
  return { device: d, manifest: m, table: i };
}

/**
 * A whole scenario out of what an address gives: names by what is registered (an example ships
 * with the service), numbers by the documents.
 * @param {Partial<import("./scenario.js").Scenario>} given
 * @param {import("./controls.js").Lists} lists
 */
export async function completed(given, lists) {
  const model = given.model ?? lists.importance.map(modelOfTable(lists.models)).find(Boolean);
  const importance = given.importance ?? importanceFor(model, lists.importance);
  const manifest = await fetchDocument("model", model);
  const device = given.device ?? await fittingDevice(manifest, lists.devices);
  const documents = await fetchDocuments({ device, model, importance });
  const entry = usedEntry(documents, { ...DEFAULTS, ...given });
  const start = entry ? startingTarget(documents, entry) : { latencyUs: 1_000_000, preloadBytes: 0 };
  return { ...DEFAULTS, ...start, ...given, device, model, importance };
}

/** The table of a model, by its name: `MODEL/TASK`. */
export function importanceFor(model, importance) {
  return (importance.find(({ name }) => name.startsWith(`${model}/`)) ?? importance[0])?.name;
}

const modelOfTable = (models) => (table) =>
  models.find(({ name }) => table.name.startsWith(`${name}/`))?.name;

async function fittingDevice(manifest, devices) {
  const recentFirst = [...devices].sort((a, b) => (b.created_us ?? 0) - (a.created_us ?? 0));
  for (const { name } of recentFirst.slice(0, TRIED_DEVICES)) {
    if (fittingEntries(await fetchDocument("device", name), manifest).length) return name;
  }
  return recentFirst[0]?.name;
}
