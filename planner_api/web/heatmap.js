// The heat map: layers x slices as a real table, the bitwidth of every shard in its cell.

import { colourSteps, shardKey, shardsOf } from "./bitwidths.js";
import { element } from "./dom.js";
import { size } from "./units.js";

/**
 * @typedef {{layer: number, slice: number}} Place
 * @typedef {{text: string, name: string, label: string}} Look what a cell shows: its text, its
 *   class and its label
 */

export class HeatMap {
  /** @type {HTMLTableCellElement[][]} */ #cells = [];
  /** @type {string[][]} */ #shown = [];
  /** @type {Place} */ #focus = { layer: 0, slice: 0 };
  #shape = "";

  /**
   * @param {HTMLTableElement} table
   * @param {{onPick?: (place: Place) => void, onPoint?: (place: Place | null) => void}} [handlers]
   */
  constructor(table, { onPick, onPoint } = {}) {
    this.table = table;
    this.onPick = onPick;
    table.addEventListener("keydown", (event) => this.#onKey(event));
    table.addEventListener("click", (event) => this.#onClick(event));
    table.addEventListener("focusin", (event) => this.#pointAt(event, onPoint));
    table.addEventListener("pointerover", (event) => this.#pointAt(event, onPoint));
    table.addEventListener("pointerleave", () => onPoint?.(null));
  }

  /** Draw the empty table of a model, unless it stands already. */
  shape(layers, slices) {
    const shape = `${layers}x${slices}`;
    if (shape === this.#shape) return;
    this.#shape = shape;
    this.#focus = { layer: 0, slice: 0 };
    this.#shown = Array.from({ length: layers }, () => new Array(slices).fill(""));
    const rows = Array.from({ length: layers }, (_, layer) => this.#row(layer, slices));
    this.#cells = rows.map((row) => [...row.cells].slice(1));
    this.#cells[0][0].tabIndex = 0;
    this.table.style.setProperty("--slices", slices);
    this.table.replaceChildren(heading(slices), element("tbody", {}, rows));
  }

  #row(layer, slices) {
    const cells = Array.from({ length: slices }, (_, slice) =>
      element("td", { tabindex: -1, "data-layer": layer, "data-slice": slice }));
    return element("tr", {}, element("th", { scope: "row" }, String(layer)), cells);
  }

  /**
   * Show a plan (null: none); only cells that change are touched.
   * @param {object | null} plan
   * @param {number[]} bitwidths of the model
   * @param {{pins?: object[], forbids?: object[]}} [rules]
   * @param {Set<string>} [marked] shards to mark as different
   */
  show(plan, bitwidths, { pins = [], forbids = [] } = {}, marked = new Set()) {
    const steps = colourSteps(bitwidths);
    const shards = shardsOf(plan);
    const pinned = new Set(pins.map(({ layer, slice }) => shardKey(layer, slice)));
    const excluded = new Set(forbids.map(({ layer, slice }) => shardKey(layer, slice)));
    this.#cells.forEach((row, layer) => row.forEach((_, slice) => {
      const key = shardKey(layer, slice);
      const flags = { pinned: pinned.has(key), excluded: excluded.has(key), marked: marked.has(key) };
      this.#paint(layer, slice, lookOf(shards.get(key), steps, flags, layer < (plan?.depth ?? 0)));
    }));
  }

  /** @param {number} layer @param {number} slice @param {Look} look */
  #paint(layer, slice, { text, name, label }) {
    const whole = `${text}|${name}|${label}`;
    if (this.#shown[layer][slice] === whole) return;
    this.#shown[layer][slice] = whole;
    const cell = this.#cells[layer][slice];
    cell.textContent = text;
    cell.className = name;
    cell.setAttribute("aria-label", `layer ${layer}, slice ${slice}: ${label}`);
  }

  /** Show how much each shard is worth, as a share (0..1) of the most; null removes it. */
  worth(shares) {
    this.table.classList.toggle("with-worth", shares !== null);
    this.#cells.forEach((row, layer) => row.forEach((cell, slice) =>
      cell.style.setProperty("--worth", String(shares?.[layer]?.[slice] ?? 0))));
  }

  /** Put the focus back where it was, as after a dialog. */
  focus() {
    this.#cells[this.#focus.layer]?.[this.#focus.slice]?.focus();
  }

  #onClick(event) {
    const place = placeOf(event.target);
    if (!place) return;
    this.#moveTo(place);
    this.onPick?.(place);
  }

  #onKey(event) {
    const place = placeOf(event.target);
    if (!place) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.onPick?.(place);
      return;
    }
    const next = this.#after(place, event);
    if (!next) return;
    event.preventDefault();
    this.#moveTo(next);
  }

  #after({ layer, slice }, { key, ctrlKey }) {
    const [lastLayer, lastSlice] = [this.#cells.length - 1, this.#cells[0].length - 1];
    const moves = {
      ArrowUp: { layer: Math.max(0, layer - 1), slice },
      ArrowDown: { layer: Math.min(lastLayer, layer + 1), slice },
      ArrowLeft: { layer, slice: Math.max(0, slice - 1) },
      ArrowRight: { layer, slice: Math.min(lastSlice, slice + 1) },
      Home: { layer: ctrlKey ? 0 : layer, slice: 0 },
      End: { layer: ctrlKey ? lastLayer : layer, slice: lastSlice },
    };
    return moves[key];
  }

  #moveTo(place) {
    this.#cells[this.#focus.layer][this.#focus.slice].tabIndex = -1;
    this.#focus = place;
    const cell = this.#cells[place.layer][place.slice];
    cell.tabIndex = 0;
    cell.focus();
  }

  #pointAt(event, onPoint) {
    const place = placeOf(event.target);
    if (place) onPoint?.(place);
  }
}

function heading(slices) {
  const numbers = Array.from({ length: slices }, (_, slice) =>
    element("th", { scope: "col" }, String(slice)));
  const corner = element("th", { scope: "col" }, element("span", { class: "hidden" }, "layer"));
  return element("thead", {}, element("tr", {}, corner, numbers));
}

/** @returns {Look} */
function lookOf(shard, steps, { pinned, excluded, marked }, inDepth) {
  const names = [
    shard ? `step-${steps.get(shard.bits)}` : inDepth ? "unused" : "beyond",
    shard?.preload && "preloaded", pinned && "pinned", excluded && "excluded", marked && "marked",
  ];
  const label = [
    shard ? `${shard.bits} bit` : "not in the plan", shard && size(shard.bytes),
    shard?.preload && "preloaded", pinned && "pinned", excluded && "left out by you",
    marked && "differs",
  ];
  const text = shard ? String(shard.bits) : excluded ? "×" : inDepth ? "·" : "";
  return { text, name: names.filter(Boolean).join(" "), label: label.filter(Boolean).join(", ") };
}

/** @returns {Place | null} */
function placeOf(target) {
  const cell = target.closest?.("td[data-layer]");
  if (!cell) return null;
  return { layer: Number(cell.dataset.layer), slice: Number(cell.dataset.slice) };
}
