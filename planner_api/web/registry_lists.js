// The lists of the registry as tables, each row with a link to the thing itself.

import { dataTable, element, scrolling } from "./dom.js";
import { moment, score, shortDigest, signed, size, time, percent } from "./units.js";

/** A link to the page of one thing. @param {string} kind @param {string} reference */
export function linkTo(kind, reference, text = reference) {
  return element("a", { href: `/web/registry.html?kind=${kind}&id=${encodeURIComponent(reference)}` }, text);
}

const card = (table, label) => element("div", { class: "card" }, scrolling(table, label));

function documentsTable(kind) {
  return (items) => card(dataTable(["Name", "Version", "Registered", "Digest"], items.map((item) => [
    linkTo(kind, item.name),
    item.origin === "catalogue" ? "catalogue" : String(item.version),
    item.created_us === null ? "ships with the service" : moment(item.created_us),
    linkTo(kind, item.digest, shortDigest(item.digest)),
  ])), `List of ${kind}`);
}

function plansTable(items) {
  const headings = ["Plan", "Made", "Model", "Device", "Submodel", "Mean bits", "Score", "Deadline",
    "Latency", "Reads", "Preloads", "Policy", "Status"];
  return card(dataTable(headings, items.map(({ created_us: created, plan, stale }) => [
    linkTo("plans", plan.id, shortDigest(plan.id)), moment(created), linkTo("models", plan.model),
    plan.device, `${plan.depth} × ${plan.width}`, plan.mean_bits.toFixed(1), score(plan.objective),
    time(plan.target_latency_us), time(plan.latency_us), size(plan.read_bytes),
    size(plan.preload_bytes), plan.policy,
    stale ? element("span", { class: "stale" }, "stale") : plan.status,
  ])), "List of plans");
}

function runsTable(items) {
  const headings = ["Run", "Reported", "Plan", "Device", "Source", ...RUN_HEADINGS];
  return card(dataTable(headings, items.map(({ created_us: created, run }) => [
    linkTo("runs", run.run_id, shortDigest(run.run_id)), moment(created),
    linkTo("plans", run.plan_id, shortDigest(run.plan_id)), run.device, run.source, ...runCells(run),
  ])), "List of runs");
}

const RUN_HEADINGS = ["Latency", "Against simulated", "In time"];

const runCells = (run) =>
  [time(run.latency.measured_us), against(run.latency), run.within_target ? "yes" : "no"];

/** The runs of one plan beside its simulation. @param {any[]} runs */
export function runsOfPlan(runs) {
  return scrolling(dataTable(["Run", ...RUN_HEADINGS], runs.map((run) =>
    [linkTo("runs", run.run_id, shortDigest(run.run_id)), ...runCells(run)])), "Runs of this plan");
}

function against({ error_us: error, relative_error: relative }) {
  const share = relative === null ? "" : ` (${signed(relative, (v) => percent(v))})`;
  return `${signed(error, time)}${share}`;
}

const DOCUMENT_LIST = "Names point to versions; a digest names one version for ever.";

/** Title, explanation, path and table of every list. */
export const LISTS = {
  plans: {
    title: "Plans", path: "/v1/plans", paged: true, table: plansTable,
    about: "Every plan that was stored, the newest first. A stale plan keeps to its deadline too seldom on a newer profile of its device.",
  },
  devices: { title: "Devices", path: "/v1/devices", about: DOCUMENT_LIST, table: documentsTable("devices") },
  models: { title: "Models", path: "/v1/models", about: DOCUMENT_LIST, table: documentsTable("models") },
  importance: {
    title: "Importance tables", path: "/v1/importance", about: DOCUMENT_LIST,
    table: documentsTable("importance"),
  },
  runs: {
    title: "Runs", path: "/v1/runs", paged: true, table: runsTable,
    about: "Runs that devices reported, the newest first, each beside the simulation of its plan.",
  },
};
