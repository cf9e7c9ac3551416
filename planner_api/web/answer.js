// The answer in words and numbers: what the model becomes, how sure that is, what more would buy.

import { byId, dataTable, element, setText } from "./dom.js";
import { percent, score, signed, size, time } from "./units.js";

/** Prices below this share of the range of scores are rounding. */
const LEAST_FELT = 1e-7;

const STATUS_TEXTS = {
  optimal: "proven optimal",
  feasible: "best found",
  infeasible: "infeasible",
  rejected_by_simulation: "rejected by simulation",
};

/** @typedef {(changes: object) => void} Apply sets parts of the scenario */

/** Show an answer of POST /v1/explore. @param {any} answer @param {any} table @param {Apply} apply */
export function showAnswer(answer, table, apply) {
  const { response, final, elapsed_us: elapsed } = answer;
  if (!response) return showSearching();
  byId("answer").dataset.status = response.status;
  setText(byId("status"), statusText(response, final));
  showElapsed(elapsed, final);
  if (response.plan) showPlan(response, table);
  else showNoPlan();
  showHeadline(response);
  showRemedies(response.infeasibility, apply);
}

function showSearching() {
  setText(byId("status"), "searching…");
}

function statusText({ status, certificate }, final) {
  if (!final) return certificate ? `refining, gap ${percent(certificate.relative_gap, 2)}` : "refining";
  if (status === "optimal" && certificate.relative_gap > 1e-9) {
    return `optimal within ${percent(certificate.relative_gap, 3)}`;
  }
  if (status === "feasible") return `gap ${percent(certificate.relative_gap, 2)}`;
  return STATUS_TEXTS[status];
}

function showElapsed({ prepare, solve, simulate }, final) {
  setText(byId("elapsed"), `${final ? "final" : "first"} answer: solve ${time(prepare + solve)}, `
    + `simulate ${time(simulate)}`);
}

function showPlan({ plan, certificate, simulation }, { unit }) {
  const { predicted, target } = plan;
  const spare = target.latency_us - predicted.latency_us;
  const shards = plan.layers.flatMap(({ shards: row }) => row);
  const meanBits = shards.reduce((sum, { bits }) => sum + bits, 0) / shards.length;
  metric("score", score(predicted.objective), unitText(unit));
  metric("latency", time(predicted.latency_us),
    spare >= 0 ? `${time(spare)} to spare` : `${time(-spare)} too late`);
  byId("metric-hit").classList.toggle("pending", !simulation);
  if (simulation) metric("hit", percent(simulation.hit_probability), spread(simulation));
  metric("gap", percent(certificate.relative_gap, certificate.relative_gap < 0.001 ? 3 : 2),
    `bound ${score(certificate.upper_bound)}`);
  metric("submodel", `${plan.depth} × ${plan.width}`, `layers × slices, mean ${meanBits.toFixed(1)} bit`);
  metric("peak", size(predicted.peak_memory_bytes), `reads ${size(bytesOf(plan.reads))}, `
    + `preloads ${size(bytesOf(plan.preload_reads))}`);
}

/** How many runs the share in time is of, and whether they differ at all. */
function spread({ runs, quantiles_us: quantiles }) {
  const alike = new Set(Object.values(quantiles)).size === 1;
  return alike ? `of ${runs} runs, all alike` : `of ${runs} runs with jitter`;
}

const unitText = (unit) => (unit === "1" ? "higher is better" : `${unit}, higher is better`);
const bytesOf = (reads) => reads.reduce((sum, { bytes }) => sum + bytes, 0);

function showNoPlan() {
  byId("metric-hit").classList.remove("pending");
  for (const id of ["score", "latency", "hit", "gap", "submodel", "peak"]) metric(id, "–", "no plan");
}

function metric(id, value, about) {
  setText(byId(`metric-${id}`), value);
  setText(byId(`metric-${id}-about`), about);
}

/** Until the prices of a new plan are known, those of the old one stay, faded. */
function showHeadline(response) {
  const text = headline(response);
  byId("headline").classList.toggle("pending", text === null);
  if (text !== null) setText(byId("headline"), text);
}

/** "binding: …" and what one more unit would buy. */
function headline({ plan, certificate, shadow_prices: prices, infeasibility, simulation, status }) {
  if (infeasibility) return `binding: ${infeasibility.binding}. ${sentence(infeasibility.message)}`;
  if (status === "rejected_by_simulation") return "The simulator does not bear this plan out.";
  if (!plan) return "";
  if (!prices) return simulation ? "Prices of the limits come with the policy “optimal”." : null;
  return `binding: ${binding(felt(prices, certificate), simulation, plan)}. ${worth(felt(prices, certificate))}`;
}

/** Prices without those that are nothing but rounding. */
function felt({ score_per_ms: perMs, score_per_kib_preload: perKib }, { range }) {
  const price = (value) => (value > LEAST_FELT * range ? value : 0);
  return { perMs: price(perMs), perKib: price(perKib) };
}

const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

function binding({ perMs, perKib }, simulation, plan) {
  const limits = [perMs > 0 && `the deadline${busiest(simulation)}`, perKib > 0 && "the preload buffer",
    memoryBinds(plan) && "the memory limit"];
  return limits.filter(Boolean).join(" and ") || "neither deadline nor preload";
}

/** Whether less memory is left than the plan's largest shard takes. */
function memoryBinds({ target, predicted, reads, preload_reads: preloads }) {
  if (target.memory_bytes === null) return false;
  const largest = Math.max(...[...reads, ...preloads].map(({ bytes }) => bytes));
  return target.memory_bytes - predicted.peak_memory_bytes < largest;
}

function busiest(simulation) {
  if (!simulation) return "";
  const share = (us) => percent(us / simulation.latency_us, 0);
  return ` (flash busy ${share(simulation.io_busy_us)}, compute ${share(simulation.compute_busy_us)}`
    + ` of ${time(simulation.latency_us)})`;
}

function worth({ perMs, perKib }) {
  const buys = (price) => (price > 0 ? signed(price) : "nothing");
  return `One more millisecond buys ${buys(perMs)}, one more KiB of preload ${buys(perKib)}.`;
}

/** What would make an infeasible request feasible, as buttons that set it. */
function showRemedies(infeasibility, apply) {
  const found = infeasibility ? remedies(infeasibility) : [];
  const box = byId("remedies");
  box.hidden = found.length === 0;
  box.replaceChildren(...found.map(({ id, text, changes }) => {
    const button = element("button", { type: "button", id, class: "primary" }, text);
    button.addEventListener("click", () => apply(changes));
    return button;
  }));
}

function remedies({ least_latency_us: latency, least_preload_bytes: preload, least_memory_bytes: memory }) {
  return [
    latency !== null && {
      id: "set-latency", text: `Set T to ${time(latency)}`, changes: { latencyUs: latency },
    },
    preload !== null && {
      id: "set-preload", text: `Set |S| to ${size(preload)}`, changes: { preloadBytes: preload },
    },
    memory !== null && {
      id: "set-memory", text: `Set memory to ${size(memory)}`, changes: { memoryBytes: memory },
    },
  ].filter(Boolean);
}

/** What every policy makes of the same request. @param {any} response @param {Apply} apply */
export function showBaselines(response, policy, apply) {
  const rows = response.baselines.map((baseline) => baselineRow(baseline, response, apply));
  if (response.plan) rows.unshift(ownRow(response, policy));
  byId("baselines").replaceChildren(
    dataTable(["Policy", "Score", "Of range", "Latency"], rows));
}

function ownRow({ plan }, policy) {
  return [element("strong", {}, policy), score(plan.predicted.objective), "this plan",
    time(plan.predicted.latency_us)];
}

function baselineRow({ policy, objective, latency_us: latency, feasible }, { plan, certificate }, apply) {
  const against = plan && objective !== null ? difference(objective, plan, certificate) : "";
  const use = element("button", { type: "button", class: "link", title: `plan by ${policy}` }, policy);
  use.addEventListener("click", () => apply({ policy }));
  return [use, objective === null ? "no plan" : score(objective), against,
    latency === null ? "–" : `${time(latency)}${feasible ? "" : ", too late"}`];
}

function difference(objective, plan, { range }) {
  if (range <= 0) return "";
  return signed((objective - plan.predicted.objective) / range, (share) => percent(share));
}
