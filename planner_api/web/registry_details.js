// One plan, device, model, importance table or run: its facts, its tables, the document itself.

import { getJson } from "./client.js";
import { dataTable, element, scrolling } from "./dom.js";
import { Gantt } from "./gantt.js";
import { HeatMap } from "./heatmap.js";
import { bitwidthLegend, runLegend } from "./legend.js";
import { linkTo, runsOfPlan } from "./registry_lists.js";
import { toQuery } from "./scenario.js";
import { percent, rate, score, size, time } from "./units.js";

const encoded = (reference) => encodeURIComponent(reference).replaceAll("%2F", "/");

function card(title, ...children) {
  return element("section", { class: "card" }, element("h2", {}, title), ...children);
}

function facts(entries) {
  return element("dl", { class: "facts" }, entries.flatMap(([name, value]) =>
    [element("dt", {}, name), element("dd", {}, value)]));
}

function documentCard(document_, path) {
  return element("details", { class: "card" }, element("summary", {}, "The document as JSON"),
    element("p", {}, element("a", { href: path }, path)),
    element("pre", { class: "document", tabindex: 0 }, JSON.stringify(document_, null, 1)));
}

const origin = ({ kind, source, date, samples }) =>
  `${kind}: ${source}, ${date}${samples ? `, ${samples} samples` : ""}`;

async function showDevice(reference) {
  const path = `/v1/devices/${encoded(reference)}`;
  const device = await getJson(path);
  const { storage } = device;
  return [
    card("Device", facts([
      ["Name", device.name], ["About", device.description || "–"], ["Where from", origin(device.provenance)],
      ["Memory", size(device.memory_bytes)],
      ["Flash", storage.bandwidth_bytes_per_s ? rate(storage.bandwidth_bytes_per_s)
        : `${Object.keys(storage.read_us_by_bytes).length} measured read sizes`],
      ["Overhead of a request", time(storage.request_overhead_us)],
      ["Jitter of the flash", `sigma ${storage.jitter.bandwidth_sigma}, autocorrelation ${storage.jitter.autocorrelation}`],
    ])),
    ...device.compute.map(computeCard), documentCard(device, path),
  ];
}

function computeCard(entry) {
  const { target, geometry, sequence_length: length, layer_us, shard_decode_us } = entry;
  const widths = Object.entries(layer_us).map(([width, us]) => [`width ${width}`, time(us)]);
  const decodes = Object.entries(shard_decode_us).map(([bits, us]) => [`${bits} bit`, time(us)]);
  return card(`${target}, ${length} tokens, hidden ${geometry.hidden}, ${geometry.heads} heads, ffn ${geometry.ffn}`,
    facts([
      ["Embeddings and head", time(entry.fixed_us)], ["Activations", size(entry.activation_bytes)],
      ["Jitter of a layer", `sigma ${entry.jitter_sigma}`],
    ]),
    scrolling(dataTable(["One layer", ...widths.map(([name]) => name)],
      [["takes", ...widths.map(([, value]) => value)]]), `Time of a layer by width, ${target}, ${length} tokens, hidden ${geometry.hidden}`),
    scrolling(dataTable(["Decoding a shard", ...decodes.map(([name]) => name)],
      [["takes", ...decodes.map(([, value]) => value)]]), `Time to decode a shard by bitwidth, ${target}, ${length} tokens, hidden ${geometry.hidden}`));
}

async function showModel(reference) {
  const path = `/v1/models/${encoded(reference)}`;
  const model = await getJson(path);
  const totals = model.bitwidths.map((bits) => model.shard_bytes[bits].flat().reduce((a, b) => a + b, 0));
  return [
    card("Model", facts([
      ["Name", model.model], ["Layers × slices", `${model.layers} × ${model.slices}`],
      ["Hidden, heads, ffn", `${model.geometry.hidden}, ${model.geometry.heads}, ${model.geometry.ffn}`],
      ["Slices of a width", model.slice_selection === "prefix" ? "the first ones" : "any, layer by layer"],
      ["Depths", model.depths.join(", ")], ["Widths", model.widths.join(", ")],
      ["Resident", size(model.resident_bytes)], ["A decoded shard", size(model.decoded_shard_bytes)],
    ])),
    card("All shards on flash", scrolling(dataTable(["Bitwidth", ...model.bitwidths.map((b) => `${b} bit`)],
      [["size", ...totals.map(size)]]), "Size of the model by bitwidth")),
    documentCard(model, path),
  ];
}

/** The unit of scores, after what they are scores of; most have none. */
const within = (unit) => (unit === "1" ? "" : `, in ${unit}`);

async function showImportance(reference) {
  const path = `/v1/importance/${encoded(reference)}`;
  const table = await getJson(path);
  const highest = String(Math.max(...Object.keys(table.gain).map(Number)));
  return [
    card("Importance table", facts([
      ["Model", linkTo("models", table.model)], ["Task", table.task],
      ["Metric", `${table.metric.replaceAll("_", " ")}${within(table.unit)}, higher is better`],
      ["Where from", origin(table.provenance)],
      ["Bitwidths", Object.keys(table.gain).join(", ")],
    ])),
    card(`Gain of every shard at ${highest} bit${within(table.unit)}`, numbersTable(table.gain[highest], "layer", "slice")),
    card(`Score of every submodel, all shards at the lowest bitwidth${within(table.unit)}`, numbersTable(table.base, "depth", "width", 1)),
    documentCard(table, path),
  ];
}

function numbersTable(rows, rowName, columnName, first = 0) {
  const headings = [`${rowName} \\ ${columnName}`, ...rows[0].map((_, i) => String(i + first))];
  return scrolling(dataTable(headings, rows.map((row, i) => [String(i + first), ...row.map(score)])),
    `By ${rowName} and ${columnName}`);
}

async function showPlan(reference) {
  const path = `/v1/plans/${encoded(reference)}`;
  const [plan, response, { runs, median_latency: median, stale }] = await Promise.all(
    [getJson(path), getJson(`${path}/response`), getJson(`${path}/runs`)]);
  const [manifest, { unit }] = await Promise.all(
    [getJson(`/v1/models/${plan.model_digest}`), getJson(`/v1/importance/${plan.importance_digest}`)]);
  return [
    card("Plan", facts([...planFacts(plan, response, unit),
      ...(stale ? [["Stale", "ask for a newer plan: on a newer profile it keeps to its deadline too seldom"]] : []),
      ...(median ? [["Measured", `median ${time(median.measured_us)} of ${runs.length} runs, simulated ${time(median.simulated_us)}`]] : []),
    ]), element("p", {}, element("a", { href: `/?${toQuery(scenarioOf(plan))}` }, "Open as a scenario"))),
    card("Bitwidth of every shard", heatMapOf(plan, manifest),
      element("div", { class: "legend" }, bitwidthLegend(manifest.bitwidths))),
    ...(runs.length ? [card("Measured runs", runsOfPlan(runs))] : []),
    documentCard(plan, path),
  ];
}

function planFacts(plan, { status, certificate, simulation }, unit) {
  return [
    ["Id", plan.id], ["Status", status], ["Policy", plan.provenance.policy],
    ["Model", linkTo("models", plan.model_digest, plan.model)],
    ["Device", linkTo("devices", plan.device_digest, plan.device)],
    ["Importance table", linkTo("importance", plan.importance_digest)],
    ["Submodel", `${plan.depth} × ${plan.width}`], ["Score", `${score(plan.predicted.objective)}${unit === "1" ? "" : ` ${unit}`}, higher is better`],
    ["Deadline, latency", `${time(plan.target.latency_us)}, ${time(plan.predicted.latency_us)}`],
    ["In time", simulation ? `${percent(simulation.hit_probability)} of ${simulation.runs} runs` : "–"],
    ["Gap to the best", certificate ? percent(certificate.relative_gap, 3) : "–"],
    ["Peak memory", size(plan.predicted.peak_memory_bytes)],
  ];
}

function heatMapOf(plan, { layers, slices, bitwidths }) {
  const table = element("table", { class: "heatmap compact", role: "grid", "aria-label": "Bitwidths" });
  const map = new HeatMap(table);
  map.shape(layers, slices);
  map.show(plan, bitwidths);
  return element("div", { class: "heatmap-box" }, table);
}

/** The scenario that a plan answers; what it was pinned to is not in a plan. */
function scenarioOf(plan) {
  const { target } = plan;
  return {
    device: plan.device_digest, model: plan.model_digest, importance: plan.importance_digest,
    latencyUs: target.latency_us, preloadBytes: target.preload_bytes, memoryBytes: target.memory_bytes,
    readAheadLayers: target.read_ahead_layers, quantile: target.latency_quantile,
    policy: plan.provenance.policy, computeTarget: target.compute_target,
    sequenceLength: target.sequence_length,
  };
}

async function showRun(reference) {
  const path = `/v1/runs/${encoded(reference)}`;
  const trace = await getJson(path);
  const plan = await getJson(`/v1/plans/${encoded(trace.plan_id)}`);
  const manifest = await getJson(`/v1/models/${plan.model_digest}`);
  const box = element("div", { class: "gantt" });
  new Gantt(box, { label: "Gantt picture of the run" }).show({
    trace, plan, deadlineUs: plan.target.latency_us, bitwidths: manifest.bitwidths,
  });
  return [
    card("Run", facts([
      ["Plan", linkTo("plans", trace.plan_id)], ["Device", trace.device], ["Source", trace.source],
      ["Latency", time(trace.latency_us)], ["Deadline", time(plan.target.latency_us)],
      ["Peak memory", size(trace.peak_memory_bytes)],
    ])),
    card("When it read, decoded and computed", box, element("div", { class: "legend" }, runLegend())),
    documentCard(trace, path),
  ];
}

/** Title and content of one thing of every kind. */
export const DETAILS = {
  plans: { title: "Plan", show: showPlan },
  devices: { title: "Device", show: showDevice },
  models: { title: "Model", show: showModel },
  importance: { title: "Importance table", show: showImportance },
  runs: { title: "Run", show: showRun },
};
