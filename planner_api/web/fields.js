// Controls: a number and a slider that move together, a choice, a set of boxes.

import { element, setText } from "./dom.js";

/**
 * @typedef {object} NumberOptions
 * @property {string} id
 * @property {string} label
 * @property {string} unit shown beside the number
 * @property {number} perUnit what the scenario counts in one unit shown (1000 µs in 1 ms)
 * @property {number} [decimals] of the number shown
 * @property {number} [least] in the scenario's own count
 * @property {number} [most]
 * @property {boolean} [optional] a box switches it on and off; off is null
 * @property {number} [initial] what it starts at when switched on; else the slider's end
 * @property {boolean} [whole] whether the scenario counts in whole numbers
 * @property {string} [hint]
 * @property {(value: number | null, settled: boolean, since: number) => void} onChange
 */

/** A number with its unit and a slider. */
export class NumberField {
  /** @type {number | undefined} undefined: never set */ #value;
  #on = true;

  /** @param {NumberOptions} options */
  constructor(options) {
    this.options = { decimals: 0, least: 0, most: Infinity, whole: true, ...options };
    const { id, label, optional } = this.options;
    this.number = element("input", {
      id, type: "text", inputmode: "decimal", autocomplete: "off", "aria-describedby": `${id}-error`,
    });
    this.range = element("input", { id: `${id}-range`, type: "range", "aria-label": `${label}, slider` });
    this.box = optional
      ? element("input", { id: `${id}-on`, type: "checkbox", "aria-label": `limit ${label.toLowerCase()}` })
      : null;
    this.error = errorLine(id);
    this.root = this.#layout();
    this.#listen();
    if (optional) this.set(null);
  }

  #layout() {
    const { id, label, unit, hint } = this.options;
    const name = element("label", { for: id }, label);
    const entry = element("span", { class: "entry" }, this.number, element("span", { class: "unit" }, unit));
    return element("div", { class: "field", id: `${id}-field` },
      element("div", { class: "line" }, this.box ?? "", name, entry), this.range,
      hint ? element("p", { class: "hint" }, hint) : "", this.error);
  }

  #listen() {
    this.range.addEventListener("input", (event) => this.#fromRange(event, false));
    this.range.addEventListener("change", (event) => this.#fromRange(event, true));
    this.number.addEventListener("input", (event) => this.#fromNumber(event, false));
    this.number.addEventListener("change", (event) => this.#fromNumber(event, true));
    this.number.addEventListener("keydown", (event) => this.#onArrow(event));
    this.box?.addEventListener("change", (event) => this.#switched(event));
  }

  /** The ends and step of the slider, in the scenario's own count. */
  setRange(low, high, step) {
    this.#value ??= this.options.initial ?? high;
    Object.assign(this.range, { min: low, max: Math.max(high, this.#value), step });
    this.ends = { low, high, step };
    this.#place();
  }

  /** Show a value of the scenario; null: switched off. */
  set(value) {
    this.#on = value !== null;
    if (value !== null) this.#value = value;
    if (this.box) this.box.checked = this.#on;
    this.root.classList.toggle("off", !this.#on);
    this.number.disabled = this.range.disabled = !this.#on;
    this.#place();
    if (document.activeElement !== this.number) this.#write();
    this.fail("");
  }

  /** Say what rule the value breaks; nothing clears it. */
  fail(message) {
    setText(this.error, message);
    this.number.setAttribute("aria-invalid", String(Boolean(message)));
  }

  #place() {
    if (this.#value === undefined) return;
    if (this.ends) this.range.max = String(Math.max(this.ends.high, this.#value));
    this.range.value = String(this.#value);
    this.range.setAttribute("aria-valuetext", this.#words());
  }

  #write() {
    this.number.value = this.#value === undefined ? "" : this.#shown();
  }

  #shown() {
    return String(Number((this.#value / this.options.perUnit).toFixed(this.options.decimals)));
  }

  #words() {
    return `${this.#shown()} ${this.options.unit}`;
  }

  #fromRange(event, settled) {
    this.#value = Number(this.range.value);
    this.#write();
    this.#emit(event, settled);
  }

  #fromNumber(event, settled) {
    const { perUnit, whole } = this.options;
    const given = Number(this.number.value.trim().replace(",", ".") || NaN) * perUnit;
    const broken = this.#brokenRule(given);
    this.fail(broken);
    if (broken) return;
    this.#value = whole ? Math.round(given) : given;
    this.#place();
    this.#emit(event, settled);
  }

  #brokenRule(given) {
    const { label, least, most, perUnit, unit } = this.options;
    if (given >= least && given <= most) return "";
    const low = Number((least / perUnit).toPrecision(4));
    const rule = most === Infinity ? `at least ${low}` : `${low} to ${most / perUnit}`;
    return `${label} must be ${rule} ${unit}, got “${this.number.value}”`.replace(/ +,/, ",");
  }

  #onArrow(event) {
    const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!direction || !this.ends) return;
    event.preventDefault();
    this.#value = Math.max(this.options.least, this.#value + direction * this.ends.step);
    this.#write();
    this.#place();
    this.#emit(event, true);
  }

  #switched(event) {
    this.#on = this.box.checked;
    this.set(this.#on ? this.#value : null);
    this.#emit(event, true);
  }

  #emit(event, settled) {
    this.fail("");
    this.options.onChange(this.#on ? this.#value : null, settled, event.timeStamp);
  }
}

/** One of several, named. */
export class ChoiceField {
  /** @param {{id: string, label: string, onChange: (value: string) => void}} options */
  constructor({ id, label, onChange }) {
    this.select = element("select", { id, "aria-describedby": `${id}-error` });
    this.error = errorLine(id);
    this.root = element("div", { class: "field choice", id: `${id}-field` },
      element("label", { for: id }, label), this.select, this.error);
    this.select.addEventListener("change", () => onChange(this.select.value));
  }

  /** @param {{value: string, text: string}[]} choices @param {string} chosen */
  set(choices, chosen) {
    const all = choices.some(({ value }) => value === chosen) || !chosen
      ? choices : [...choices, { value: chosen, text: chosen }];
    const key = JSON.stringify(all);
    if (key !== this.shown) {
      this.select.replaceChildren(...all.map(({ value, text }) => element("option", { value }, text)));
      this.shown = key;
    }
    this.select.value = chosen;
    this.fail("");
  }

  fail(message) {
    setText(this.error, message);
    this.select.setAttribute("aria-invalid", String(Boolean(message)));
  }
}

/** Any of several bitwidths; all of them is null. */
export class BitwidthField {
  /** @param {{id: string, label: string, onChange: (bits: number[] | null) => void}} options */
  constructor({ id, label, onChange }) {
    this.id = id;
    this.onChange = onChange;
    this.error = errorLine(id);
    this.boxes = element("div", { class: "boxes" });
    this.root = element("fieldset", { class: "field", id: `${id}-field`, "aria-describedby": `${id}-error` },
      element("legend", {}, label), this.boxes, this.error);
    this.boxes.addEventListener("change", (event) => this.#changed(event));
  }

  /** @param {number[]} offered @param {number[] | null} allowed */
  set(offered, allowed) {
    if (String(offered) !== this.shown) {
      this.boxes.replaceChildren(...offered.map((bits) => this.#box(bits)));
      this.shown = String(offered);
    }
    for (const box of this.#all()) box.checked = allowed?.includes(Number(box.value)) ?? true;
    this.fail("");
  }

  fail(message) {
    setText(this.error, message);
  }

  #box(bits) {
    const id = `${this.id}-${bits}`;
    return element("label", { class: "chip", for: id },
      element("input", { id, type: "checkbox", value: bits }), String(bits));
  }

  #all() {
    return [...this.boxes.querySelectorAll("input")];
  }

  #changed(event) {
    const boxes = this.#all();
    const allowed = boxes.filter((box) => box.checked).map((box) => Number(box.value));
    if (allowed.length === 0) {
      event.target.checked = true;
      this.fail("at least one bitwidth must be allowed");
      return;
    }
    this.fail("");
    this.onChange(allowed.length === boxes.length ? null : allowed);
  }
}

function errorLine(id) {
  return element("p", { class: "error", id: `${id}-error`, "aria-live": "polite" });
}
