// Two scenarios side by side: A is kept, B is the one on screen; what differs is marked.

import { shardsOf } from "./bitwidths.js";
import { completed, fetchDocuments } from "./documents.js";
import { byId, element, scrolling } from "./dom.js";
import { Explorer } from "./explore.js";
import { Gantt } from "./gantt.js";
import { HeatMap } from "./heatmap.js";
import { toRequest, toWhatIf } from "./scenario.js";
import { percent, score, signed, size, time } from "./units.js";

/** @typedef {{answer: any, scenario: import("./scenario.js").Scenario, documents: any}} Side */

export class Compare {
  /** @type {import("./scenario.js").Scenario | null} */ other = null;
  /** @type {Side | null} */ #kept = null;
  /** @type {Side | null} */ #current = null;

  /**
   * @param {{onChange: () => void, onSwap: (scenario: object) => void, onError: (error: Error) => void}} handlers
   */
  constructor({ onChange, onSwap, onError }) {
    this.onChange = onChange;
    this.onSwap = onSwap;
    this.explorer = new Explorer({ onEvent: (answer) => this.#answered(answer), onError });
    byId("drop").addEventListener("click", () => this.#drop());
    byId("swap").addEventListener("click", () => this.#swap());
  }

  /** Keep a scenario as A; null: none. @param {any} scenario @param {any} lists */
  async keep(scenario, lists) {
    this.other = scenario && await completed(scenario, lists);
    this.#kept = null;
    this.#layout();
    if (!this.other) return this.explorer.abort();
    this.documents = await fetchDocuments(this.other);
    const body = { request: toRequest(this.other), what_if: toWhatIf(this.other), frontier: null, store: false };
    return this.explorer.ask(body);
  }

  /** Show what is on screen as B. */
  showCurrent(answer, scenario, documents) {
    this.#current = { answer, scenario, documents };
    this.#draw();
  }

  #answered(answer) {
    if (!answer.final) return;
    this.#kept = { answer, scenario: this.other, documents: this.documents };
    this.#draw();
  }

  #drop() {
    this.other = null;
    this.#kept = null;
    this.explorer.abort();
    this.#layout();
    this.onChange();
  }

  #swap() {
    const kept = this.other;
    this.other = this.#current.scenario;
    [this.#kept, this.#current] = [this.#current, this.#kept];
    this.onSwap(kept);
  }

  #layout() {
    const on = this.other !== null;
    byId("swap").hidden = byId("drop").hidden = byId("compare-body").hidden = !on;
    byId("compare-hint").hidden = on;
    if (!on || this.sides) return;
    this.sides = { A: new SideView("A"), B: new SideView("B") };
    this.table = element("div", { id: "compare-table" });
    byId("compare-body").replaceChildren(this.table,
      element("div", { class: "sides" }, this.sides.A.root, this.sides.B.root));
  }

  #draw() {
    if (!this.#kept || !this.#current || !this.other) return;
    const [a, b] = [this.#kept, this.#current];
    const marked = differingShards(a.answer.response.plan, b.answer.response.plan);
    const leastSpanUs = Math.max(...[a, b].map(({ answer, scenario }) =>
      Math.max(answer.trace?.latency_us ?? 0, scenario.latencyUs)));
    this.sides.A.show(a, marked, leastSpanUs);
    this.sides.B.show(b, marked, leastSpanUs);
    this.table.replaceChildren(scrolling(differenceTable(a, b, marked.size), "What differs between A and B"));
  }
}

class SideView {
  /** @param {"A" | "B"} name */
  constructor(name) {
    const table = element("table", {
      class: "heatmap compact", role: "grid", id: `heatmap-${name}`, "aria-label": `Bitwidths of scenario ${name}`,
    });
    const gantt = element("div", { class: "gantt", id: `gantt-${name}` });
    this.root = element("section", { "aria-labelledby": `side-${name}` },
      element("h3", { id: `side-${name}` }, name === "A" ? "A, kept" : "B, on screen"),
      element("div", { class: "heatmap-box" }, table), gantt);
    this.heatMap = new HeatMap(table);
    this.gantt = new Gantt(gantt, { label: `Gantt picture of scenario ${name}` });
  }

  show({ answer, scenario, documents }, marked, leastSpanUs) {
    const { layers, slices, bitwidths } = documents.manifest;
    const plan = answer.response.plan;
    this.heatMap.shape(layers, slices);
    this.heatMap.show(plan, bitwidths, scenario, marked);
    this.gantt.show({ trace: answer.trace, deadlineUs: scenario.latencyUs, plan, bitwidths, leastSpanUs });
  }
}

function differingShards(a, b) {
  const [left, right] = [shardsOf(a), shardsOf(b)];
  const state = (shard) => (shard ? `${shard.bits}${shard.preload}` : "");
  const keys = new Set([...left.keys(), ...right.keys()]);
  return new Set([...keys].filter((key) => state(left.get(key)) !== state(right.get(key))));
}

const bytesRead = ({ plan }) => plan?.reads.reduce((sum, { bytes }) => sum + bytes, 0);
const optional = (format) => (value) => (value === null || value === undefined ? "–" : format(value));
const rules = (list) => (list.length ? list.map(({ layer, slice, bits }) =>
  `${layer}.${slice}${bits ? ` at ${bits} bit` : ""}`).join(", ") : "none");

/**
 * Every row: its name, how to read it from a side, how to write it.
 * @type {[string, (side: Side) => any, (value: any) => string][]}
 */
const ROWS = [
  ["device", ({ scenario }) => scenario.device, String],
  ["model", ({ scenario }) => scenario.model, String],
  ["importance table", ({ scenario }) => scenario.importance, String],
  ["deadline T", ({ scenario }) => scenario.latencyUs, time],
  ["preload |S|", ({ scenario }) => scenario.preloadBytes, size],
  ["memory limit", ({ scenario }) => scenario.memoryBytes, size],
  ["read ahead, layers", ({ scenario }) => scenario.readAheadLayers, String],
  ["P(in time) ≥", ({ scenario }) => scenario.quantile, percent],
  ["policy", ({ scenario }) => scenario.policy, String],
  ["bitwidths", ({ scenario }) => scenario.bitwidths?.join(", ") ?? "all", String],
  ["pinned", ({ scenario }) => rules(scenario.pins), String],
  ["left out", ({ scenario }) => rules(scenario.forbids), String],
  ["flash speed", ({ scenario }) => scenario.bandwidthFactor, (v) => `${score(v)}×`],
  ["compute speed", ({ scenario }) => scenario.computeFactor, (v) => `${score(v)}×`],
  ["score", ({ answer }) => answer.response.plan?.predicted.objective, score],
  ["latency", ({ answer }) => answer.response.plan?.predicted.latency_us, time],
  ["in time", ({ answer }) => answer.response.simulation?.hit_probability, percent],
  ["submodel", ({ answer: { response: { plan } } }) => plan && `${plan.depth} × ${plan.width}`, String],
  ["bytes read", ({ answer }) => bytesRead(answer.response), size],
  ["peak memory", ({ answer }) => answer.response.plan?.predicted.peak_memory_bytes, size],
];
const INPUTS = 14;

/** Results always, inputs only where they differ. */
function differenceTable(a, b, shards) {
  const rows = ROWS.map(([name, read, write]) => ({ name, write, a: read(a), b: read(b) }));
  const shown = rows.filter(({ a: left, b: right }, i) => i >= INPUTS || left !== right);
  const head = ["", "A", "B", "B − A"].map((text) => element("th", { scope: "col" }, text));
  return element("table", { class: "data" },
    element("thead", {}, element("tr", {}, head)),
    element("tbody", {}, shown.map(differenceRow),
      differenceRow({ name: "shards that differ", a: null, b: shards, write: String, only: true })));
}

function differenceRow({ name, a, b, write, only = false }) {
  const text = optional(write);
  const numbers = typeof a === "number" && typeof b === "number";
  return element("tr", { class: a !== b && !(only && b === 0) ? "differs" : false },
    element("th", { scope: "row" }, name), element("td", {}, only ? "" : text(a)),
    element("td", {}, text(b)), element("td", {}, numbers && a !== b ? signed(b - a, write) : ""));
}
