// What the colours and marks of the heat map mean.

import { colourSteps } from "./bitwidths.js";
import { element } from "./dom.js";

/** The legend of a model's bitwidths and of the marks. @param {number[]} bitwidths */
export function legendOf(bitwidths) {
  const steps = colourSteps(bitwidths);
  return [
    ...bitwidths.map((bits) => entry(`step-${steps.get(bits)}`, `${bits} bit`)),
    entry("preloaded", "preloaded"),
    entry("pinned", "pinned"),
    element("span", { class: "worth-entry" }, element("i", { class: "swatch worth" }), "importance"),
  ];
}

function entry(name, text) {
  return element("span", {}, element("i", { class: `swatch ${name}` }), text);
}
