// Try it: a sentence run by the plan on screen and by the full model, where the server has a store.

import { getJson, postJson } from "./client.js";
import { byId, dataTable, element, setText } from "./dom.js";
import { percent, size, time } from "./units.js";

export class TryIt {
  /** @type {any} */ #plan = null;
  /** @type {Set<string> | null} */ #models = null;

  constructor() {
    this.body = byId("try-body");
    this.text = element("textarea", { id: "try-text" }, "A small film that stays with you for days.");
    this.button = element("button", { type: "button", id: "try-run", class: "primary" }, "Run both");
    this.state = element("p", { id: "try-state", class: "hint", role: "status" });
    this.result = element("div", { id: "try-result", class: "scroll" });
    this.button.addEventListener("click", () => this.#run());
    this.body.replaceChildren(element("div", { class: "stack" },
      element("label", { for: "try-text" }, "Sentence"), this.text,
      element("div", { class: "actions" }, this.button), this.state, this.result));
    this.#enable();
  }

  /** Offer the plan on screen; what another one answered goes. */
  async offer(plan) {
    if (plan?.id !== this.#plan?.id) this.#clear();
    this.#plan = plan;
    this.#models ??= new Set(await getJson("/v1/trials").then(digestsOf, () => []));
    this.#enable();
  }

  #clear() {
    this.result.replaceChildren();
    setText(this.state, "");
  }

  #enable() {
    const possible = this.#plan !== null && this.#models?.has(this.#plan.model_digest);
    this.button.disabled = !possible;
    if (this.#plan && !possible) {
      setText(this.state, `The server has no store of ${this.#plan.model}: start it with --store FOLDER.`);
    }
  }

  async #run() {
    setText(this.state, "Running the plan, then the full model…");
    this.button.disabled = true;
    const plan = this.#plan;
    const trial = await postJson("/v1/trials", { plan, text: this.text.value }).catch((error) => error);
    if (plan.id !== this.#plan?.id) return;
    if (trial instanceof Error) setText(this.state, trial.message);
    else this.#show(trial);
    this.button.disabled = false;
  }

  #show({ plan, full, tokens, similarity }) {
    setText(this.state, `${tokens} tokens; the outputs' cosine is ${similarity.toFixed(4)}.`);
    const rows = [
      ["answer", answerOf(plan), answerOf(full)],
      ["measured latency", time(plan.latency_us), time(full.latency_us)],
      ["preload, before the clock", time(plan.preload_us), time(full.preload_us)],
      ["peak memory", size(plan.peak_memory_bytes), size(full.peak_memory_bytes)],
    ];
    this.result.replaceChildren(dataTable(["", "this plan", "full model"], rows));
  }
}

const digestsOf = ({ items }) => items.map(({ model_digest: digest }) => digest);

function answerOf({ label, probabilities }) {
  if (label === null) return "an embedding";
  return `${label} (${percent(probabilities[label])})`;
}
