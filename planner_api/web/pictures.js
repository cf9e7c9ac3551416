// The heat map and the Gantt picture of the scenario on screen.

import { byId, dataTable, scrolling, setText } from "./dom.js";
import { shardKey, shardsOf } from "./bitwidths.js";
import { Gantt, layerRows } from "./gantt.js";
import { HeatMap } from "./heatmap.js";
import { legendOf } from "./legend.js";
import { PinDialog } from "./pins.js";
import { score, size } from "./units.js";

export class Pictures {
  /** @type {any} */ #answer = null;
  /** @type {any} */ #measured = null;

  /** @param {{onRule: (layer: number, slice: number, rule: object) => void}} handlers */
  constructor({ onRule }) {
    this.heatMap = new HeatMap(byId("heatmap"), {
      onPick: (place) => this.dialog.open(place, this.scenario, this.documents.manifest.bitwidths),
      onPoint: (place) => this.#point(place),
    });
    this.gantt = new Gantt(byId("gantt"), { label: "Gantt picture of the run" });
    this.dialog = new PinDialog({ onRule, onClose: () => this.heatMap.focus() });
    byId("show-worth").addEventListener("change", () => this.#showWorth());
    byId("gantt-details").addEventListener("toggle", () => this.settle());
  }

  /** Draw what is known before an answer. */
  shape(scenario, documents) {
    this.scenario = scenario;
    this.documents = documents;
    const { layers, slices, bitwidths } = documents.manifest;
    this.heatMap.shape(layers, slices);
    byId("heatmap-legend").replaceChildren(...legendOf(bitwidths));
    this.#showWorth();
  }

  /** Show an answer; as quick as can be. */
  show(answer, scenario, documents) {
    this.#answer = answer;
    this.scenario = scenario;
    this.documents = documents;
    const plan = answer.response?.plan ?? null;
    if (!answer.final && !plan) return;
    this.#measured = null;
    this.heatMap.show(plan, documents.manifest.bitwidths, scenario);
    this.#drawGantt();
  }

  /** Draw a measured run over the simulated one; null takes it away. */
  showMeasured(trace) {
    this.#measured = trace;
    byId("measured-legend").hidden = trace === null;
    this.#drawGantt();
  }

  #drawGantt() {
    this.gantt.show({
      trace: this.#answer.trace,
      measured: this.#measured,
      deadlineUs: this.scenario.latencyUs,
      plan: this.#answer.response?.plan ?? null,
      bitwidths: this.documents.manifest.bitwidths,
    });
  }

  /** The numbers of the Gantt picture, if they are looked at. */
  settle() {
    const plan = this.#answer?.response?.plan;
    if (!byId("gantt-details").open || !plan) return;
    const table = dataTable(["Layer", "Bytes", "Reads", "Decoding", "Computes", "Stalled"],
      layerRows(this.#answer.trace, plan));
    byId("gantt-table").replaceChildren(scrolling(table, "Times of every layer"));
  }

  #showWorth() {
    const on = byId("show-worth").checked;
    this.heatMap.worth(on ? sharesOfMost(this.#highestGain()) : null);
    byId("heatmap-legend").classList.toggle("with-worth", on);
  }

  #highestGain() {
    const { gain } = this.documents.table;
    return gain[String(Math.max(...Object.keys(gain).map(Number)))];
  }

  #point(place) {
    setText(byId("heatmap-readout"), place ? this.#words(place) : "Point at a shard for its numbers.");
  }

  #words({ layer, slice }) {
    const shard = shardsOf(this.#answer?.response?.plan).get(shardKey(layer, slice));
    const { gain, unit } = this.documents.table;
    const bits = shard?.bits ?? Math.max(...Object.keys(gain).map(Number));
    const worth = gain[String(bits)]?.[layer]?.[slice];
    return [
      `layer ${layer}, slice ${slice}`,
      shard ? `${shard.bits} bit, ${size(shard.bytes)}` : "not in the plan",
      shard?.preload ? "preloaded" : "",
      worth === undefined ? "" : `gain ${score(worth)}${unit === "1" ? "" : ` ${unit}`} at ${bits} bit`,
    ].filter(Boolean).join(" · ");
  }
}

function sharesOfMost(rows) {
  const most = Math.max(...rows.flat(), Number.MIN_VALUE);
  return rows.map((row) => row.map((value) => value / most));
}
