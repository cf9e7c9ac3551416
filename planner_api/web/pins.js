// The dialog that pins one shard: in the plan, at a bitwidth, preloaded or not, or left out.

import { byId, element } from "./dom.js";
import { ruleOf } from "./scenario.js";

const PLACES = [["", "preloaded or streamed"], ["preload", "preloaded"], ["stream", "streamed"]];

/**
 * @typedef {{pin: import("./scenario.js").ShardRule | null, forbidden: boolean}} Rule
 */

export class PinDialog {
  /** @param {{onRule: (layer: number, slice: number, rule: Rule) => void, onClose: () => void}} handlers */
  constructor({ onRule, onClose }) {
    this.onRule = onRule;
    this.dialog = byId("pin-dialog");
    this.dialog.addEventListener("close", onClose);
  }

  /**
   * @param {{layer: number, slice: number}} place
   * @param {import("./scenario.js").Scenario} scenario @param {number[]} bitwidths
   */
  open({ layer, slice }, scenario, bitwidths) {
    const rule = ruleOf(scenario, layer, slice);
    const states = [
      ["free", "as the planner likes"], ["in", "in the plan, at any bitwidth"],
      ...bitwidths.map((bits) => [String(bits), `in the plan, at ${bits} bit`]), ["out", "not in the plan"],
    ];
    const place = element("select", { id: "pin-place" },
      PLACES.map(([value, text]) => element("option", { value }, text)));
    place.value = { true: "preload", false: "stream", null: "" }[String(rule.pin?.preload ?? null)];
    this.dialog.replaceChildren(
      element("h2", { id: "pin-title" }, `Shard of layer ${layer}, slice ${slice}`),
      element("fieldset", {}, element("legend", {}, "This shard is"),
        states.map(([value, text]) => radio(value, text, value === stateOf(rule)))),
      element("label", { class: "stack" }, "If it is in the plan, it is", place),
      this.#buttons(layer, slice));
    this.dialog.showModal();
    this.dialog.querySelector("input:checked")?.focus();
  }

  #buttons(layer, slice) {
    const apply = element("button", { type: "button", id: "pin-apply", class: "primary" }, "Apply");
    const cancel = element("button", { type: "button", id: "pin-cancel" }, "Cancel");
    apply.addEventListener("click", () => this.#apply(layer, slice));
    cancel.addEventListener("click", () => this.dialog.close());
    return element("div", { class: "actions stack" }, apply, cancel);
  }

  #apply(layer, slice) {
    const state = this.dialog.querySelector("input:checked").value;
    const place = byId("pin-place").value;
    const preload = place === "" ? null : place === "preload";
    const bits = Number(state) || null;
    const pin = state === "free" || state === "out" ? null : { layer, slice, bits, preload };
    this.dialog.close();
    this.onRule(layer, slice, { pin, forbidden: state === "out" });
  }
}

function stateOf({ pin, forbidden }) {
  if (forbidden) return "out";
  if (!pin) return "free";
  return pin.bits === null ? "in" : String(pin.bits);
}

function radio(value, text, checked) {
  const id = `pin-${value}`;
  return element("label", { for: id, class: "switch-line" },
    element("input", { type: "radio", name: "pin", id, value, checked }), ` ${text}`);
}
