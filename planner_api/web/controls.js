// The controls of a scenario: every field, kept in step with it.

import { byId, element, setText } from "./dom.js";
import { BitwidthField, ChoiceField, NumberField } from "./fields.js";
import { fittingEntries, latencyEnds, memoryEnds, misfit, preloadEnds, usedEntry } from "./limits.js";
import { FACTOR_LIMITS, partAt, POLICIES } from "./scenario.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const POLICY_TEXTS = {
  optimal: "optimal (certified)",
  "sti-largest": "STI, largest submodel",
  "sti-deepest": "STI, deepest submodel",
  uniform: "best uniform bitwidth",
  full: "whole model at full precision",
};

/**
 * @typedef {import("./scenario.js").Scenario} Scenario
 * @typedef {(changes: Partial<Scenario>, how: {settled: boolean, since?: number}) => void} OnChange
 * @typedef {{devices: any[], models: any[], importance: any[]}} Lists
 */

export class Controls {
  /** @param {{onChange: OnChange, onFree: (layer: number, slice: number) => void}} handlers */
  constructor({ onChange, onFree }) {
    this.onChange = onChange;
    this.onFree = onFree;
    this.fields = { ...this.#documents(), ...this.#target(), ...this.#limits(), ...this.#whatIf() };
    byId("controls-documents").append(...this.#roots("device", "model", "importance", "entry"));
    byId("controls-target").append(...this.#roots("latencyUs", "preloadBytes"));
    byId("controls-limits").append(
      ...this.#roots("memoryBytes", "readAheadLayers", "quantile", "policy", "bitwidths"));
    byId("controls-what-if").append(...this.#roots("bandwidthFactor", "computeFactor"));
    stickAtTheEnd(byId("controls"));
  }

  #roots(...names) {
    return names.map((name) => this.fields[name].root);
  }

  #documents() {
    const choice = (id, label, part) => new ChoiceField({
      id, label, onChange: (value) => this.onChange({ [part]: value }, { settled: true }),
    });
    const entry = new ChoiceField({ id: "entry", label: "Runs on", onChange: (value) => {
      const [computeTarget, length] = JSON.parse(value);
      this.onChange({ computeTarget, sequenceLength: length }, { settled: true });
    } });
    return {
      device: choice("device", "Device", "device"),
      model: choice("model", "Model", "model"),
      importance: choice("importance", "Importance", "importance"),
      entry,
    };
  }

  #number(part, options) {
    return new NumberField({
      ...options,
      onChange: (value, settled, since) => this.onChange({ [part]: value }, { settled, since }),
    });
  }

  #target() {
    return {
      latencyUs: this.#number("latencyUs", {
        id: "latency", label: "Deadline T", unit: "ms", perUnit: 1000, decimals: 3, least: 1,
      }),
      preloadBytes: this.#number("preloadBytes", {
        id: "preload", label: "Preload |S|", unit: "KiB", perUnit: KIB, decimals: 3,
      }),
    };
  }

  #limits() {
    return {
      memoryBytes: this.#number("memoryBytes", {
        id: "memory", label: "Memory", unit: "MiB", perUnit: MIB, decimals: 3, optional: true,
      }),
      readAheadLayers: this.#number("readAheadLayers", {
        id: "read-ahead", label: "Read ahead", unit: "layers", perUnit: 1, optional: true, initial: 1,
      }),
      quantile: this.#number("quantile", {
        id: "quantile", label: "P(in time) ≥", unit: "%", perUnit: 0.01, decimals: 2, optional: true,
        least: 0.001, most: 0.999, initial: 0.95, whole: false,
      }),
      policy: new ChoiceField({
        id: "policy", label: "Policy",
        onChange: (policy) => this.onChange({ policy }, { settled: true }),
      }),
      bitwidths: new BitwidthField({
        id: "bitwidths", label: "Bitwidths allowed",
        onChange: (bitwidths) => this.onChange({ bitwidths }, { settled: true }),
      }),
    };
  }

  #whatIf() {
    const factor = (part, id, label) => this.#number(part, {
      id, label, unit: "×", perUnit: 1, decimals: 2, whole: false,
      least: FACTOR_LIMITS[0], most: FACTOR_LIMITS[1],
    });
    return {
      bandwidthFactor: factor("bandwidthFactor", "bandwidth-factor", "Flash speed"),
      computeFactor: factor("computeFactor", "compute-factor", "Compute speed"),
    };
  }

  /**
   * Show a scenario.
   * @param {Scenario} scenario @param {Lists} lists
   * @param {import("./limits.js").Documents} documents
   */
  show(scenario, lists, documents) {
    this.#showChoices(scenario, lists);
    for (const part of ["latencyUs", "preloadBytes", "memoryBytes", "readAheadLayers", "quantile",
      "bandwidthFactor", "computeFactor"]) this.fields[part].set(scenario[part]);
    this.showRules(scenario);
    this.#showDocuments(scenario, documents);
  }

  #showChoices(scenario, { devices, models, importance }) {
    const texts = (items) => items.map(({ name }) => ({ value: name, text: name }));
    const own = (item) => item.name.startsWith(`${scenario.model}/`);
    this.fields.device.set(texts(devices), scenario.device);
    this.fields.model.set(texts(models), scenario.model);
    this.fields.importance.set(
      texts([...importance.filter(own), ...importance.filter((item) => !own(item))]),
      scenario.importance);
    this.fields.policy.set(
      POLICIES.map((value) => ({ value, text: POLICY_TEXTS[value] })), scenario.policy);
  }

  #showDocuments(scenario, documents) {
    const { manifest, device } = documents;
    const entries = fittingEntries(device, manifest);
    this.fields.entry.set(entries.map(entryChoice), entryValue(scenario));
    if (!entries.length) this.fields.device.fail(misfit(documents));
    this.fields.bitwidths.set(manifest.bitwidths, scenario.bitwidths);
    const entry = usedEntry(documents, scenario);
    if (entry) this.#showRanges(documents, entry);
  }

  #showRanges(documents, entry) {
    const range = (part, { low, high, step }) => this.fields[part].setRange(low, high, step);
    range("latencyUs", latencyEnds(documents, entry));
    range("preloadBytes", preloadEnds(documents));
    range("memoryBytes", memoryEnds(documents, entry));
    range("readAheadLayers", { low: 0, high: documents.manifest.layers, step: 1 });
    range("quantile", { low: 0.5, high: 0.995, step: 0.005 });
    range("bandwidthFactor", { low: 0.25, high: 4, step: 0.05 });
    range("computeFactor", { low: 0.25, high: 4, step: 0.05 });
  }

  /** The shards that are pinned or left out, each with a button that frees it. */
  showRules({ pins, forbids }) {
    const chips = [
      ...pins.map((rule) => this.#ruleChip(rule, "pinned")),
      ...forbids.map((rule) => this.#ruleChip(rule, "left out")),
    ];
    byId("rules").replaceChildren(...chips);
    setText(byId("rules-hint"), chips.length ? "" : "None. Choose a shard in the heat map.");
  }

  #ruleChip({ layer, slice, bits, preload }, what) {
    const words = [`${layer}.${slice}`, what, bits && `${bits} bit`,
      preload === true && "preloaded", preload === false && "streamed"].filter(Boolean).join(" ");
    const chip = element("button", {
      type: "button", class: "chip", "aria-label": `free shard: layer ${layer}, slice ${slice}, ${what}`,
    }, `${words} ×`);
    chip.addEventListener("click", () => this.onFree(layer, slice));
    return element("li", {}, chip);
  }

  /**
   * Put each broken rule beside its field; returns those that belong to none.
   * @param {import("./client.js").FieldProblem[]} problems
   */
  fail(problems) {
    return problems.filter(({ pointer, detail }) => {
      const field = this.#fieldOf(partAt(pointer));
      field?.fail(detail);
      return !field;
    });
  }

  #fieldOf(part) {
    const alias = { computeTarget: "entry", sequenceLength: "entry" };
    return this.fields[alias[part] ?? part];
  }
}

/** A column taller than the window scrolls with the page and stays where it ends. */
function stickAtTheEnd(column) {
  new ResizeObserver(() => column.style.setProperty("--height", `${column.offsetHeight}px`)).observe(column);
}

const entryValue = ({ computeTarget, sequenceLength }) => JSON.stringify([computeTarget, sequenceLength]);

function entryChoice({ target, sequence_length: length }) {
  return { value: JSON.stringify([target, length]), text: `${target}, ${length} tokens` };
}
