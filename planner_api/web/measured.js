// Measured runs of the plan on screen, to be drawn over the simulated one.

import { getJson } from "./client.js";
import { byId, element } from "./dom.js";
import { signed, time } from "./units.js";

const PAGE = "/v1/runs?limit=200";

export class MeasuredRuns {
  #planId = "";

  /** @param {{onTrace: (trace: object | null) => void}} handlers */
  constructor({ onTrace }) {
    this.onTrace = onTrace;
    this.select = byId("measured");
    this.choice = byId("measured-choice");
    this.select.addEventListener("change", () => this.#fetch());
  }

  /** Look for runs of a plan; most plans on screen were never stored, let alone run. */
  async lookFor(plan) {
    const id = plan?.id ?? "";
    if (id === this.#planId) return this.select.value && this.#fetch();
    this.#planId = id;
    this.choice.hidden = true;
    this.onTrace(null);
    if (id === "") return undefined;
    const { items } = await getJson(PAGE).catch(() => ({ items: [] }));
    const runs = items.map(({ run }) => run).filter((run) => run.plan_id === id);
    if (runs.length && id === this.#planId) this.#offer(runs);
    return undefined;
  }

  #offer(runs) {
    const texts = runs.map(({ run_id: value, latency }) => element("option", { value },
      `${time(latency.measured_us)} (${signed(latency.error_us, time)})`));
    this.select.replaceChildren(element("option", { value: "" }, "none"), ...texts);
    this.select.value = runs[0].run_id;
    this.choice.hidden = false;
    this.#fetch();
  }

  async #fetch() {
    const id = this.select.value;
    const trace = id ? await getJson(`/v1/runs/${id}`).catch(() => null) : null;
    if (this.select.value === id) this.onTrace(trace);
  }
}
