// What the colours and marks of the pictures mean.

import { colourSteps } from "./bitwidths.js";
import { element } from "./dom.js";

const KINDS = ["read", "decode", "compute", "stall"];

/** Of a plan's heat map. @param {number[]} bitwidths of the model */
export function bitwidthLegend(bitwidths) {
  const steps = colourSteps(bitwidths);
  return [
    ...bitwidths.map((bits) => entry(`step-${steps.get(bits)}`, `${bits} bit`)),
    entry("preloaded", "preloaded"),
  ];
}

/** Of the heat map of a scenario, with the marks of its rules. @param {number[]} bitwidths */
export function legendOf(bitwidths) {
  return [
    ...bitwidthLegend(bitwidths),
    entry("pinned", "pinned"),
    element("span", { class: "worth-entry" }, element("i", { class: "swatch worth" }), "importance"),
  ];
}

/** Of the Gantt picture of a run. */
export function runLegend() {
  return KINDS.map((kind) => entry(kind, kind));
}

function entry(name, text) {
  return element("span", {}, element("i", { class: `swatch ${name}` }), text);
}
