// The charts that follow the answer: memory over time, latency under jitter, the frontier.

import { byId, setText } from "./dom.js";
import { Explorer } from "./explore.js";
import { LEFT, RIGHT } from "./gantt.js";
import { latencyEnds, preloadEnds, usedEntry } from "./limits.js";
import { colour, deadlineMark, faint, plot } from "./plots.js";
import { toRequest, toWhatIf } from "./scenario.js";
import { percent, score, size, time } from "./units.js";

const POINTS = 24;
const MS = 1000;
const KIB = 1024;
const MIB = 1024 ** 2;
const REST_MS = 500;
const REDRAW_MS = 400;
const LINE_COLOURS = ["step-2", "step-3", "accent"];

export class Charts {
  #key = "";
  /** @type {any} */ #frontier = null;
  /** @type {number | undefined} */ #waiting;
  /** @type {number | undefined} */ #redrawing;

  /** @param {{onError: (error: Error) => void}} handlers */
  constructor({ onError }) {
    this.onError = onError;
    this.explorer = new Explorer({
      onEvent: (frontier) => this.#refined(frontier),
      onError: (error) => this.#failed(error),
    });
    addEventListener("themechange", () => this.current && this.#drawAll());
  }

  /** Show a final answer; `axisEndUs` as in `align`. */
  show(answer, scenario, documents, axisEndUs) {
    this.current = { answer, scenario, documents, axisEndUs };
    this.#drawAll();
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => this.#askFrontier(), REST_MS);
  }

  /** Let the axis of time of memory end where the Gantt picture's does. */
  align(axisEndUs) {
    if (!this.current || this.current.axisEndUs === axisEndUs) return;
    this.current.axisEndUs = axisEndUs;
    this.#drawMemory().catch(this.onError);
  }

  async #drawAll() {
    try {
      await this.#drawMemory();
      await this.#drawLatencies();
      await this.#drawFrontier();
    } catch (error) {
      this.onError(error);
    }
  }

  #drawMemory() {
    const { answer: { memory, trace: run, response }, scenario, axisEndUs } = this.current;
    const steps = memory ? [...memory, [run.latency_us, memory.at(-1)[1]]] : [];
    const peak = response.plan?.predicted.peak_memory_bytes;
    const [unit, perUnit] = peak < MIB ? ["KiB", KIB] : ["MiB", MIB];
    const trace = {
      x: steps.map(([us]) => us / MS), y: steps.map(([, bytes]) => bytes / perUnit),
      type: "scatter", mode: "lines", line: { shape: "hv", color: colour("accent"), width: 1.5 },
      fill: "tozeroy", fillcolor: faint(colour("accent"), 0.15), hovertemplate: `%{y:.2f} ${unit} at %{x:.1f} ms<extra></extra>`,
    };
    const limit = scenario.memoryBytes === null ? [] : [{
      type: "line", x0: 0, x1: 1, xref: "paper", y0: scenario.memoryBytes / perUnit,
      y1: scenario.memoryBytes / perUnit, line: { color: colour("deadline"), width: 1.5, dash: "dash" },
    }];
    return plot(byId("memory-chart"), [trace], {
      x: "ms from the first read", y: `${unit} held`, zeroed: true, shapes: limit, xRange: [0, axisEndUs / MS],
      margin: { l: LEFT, r: RIGHT, t: 10 },
      label: peak === undefined ? "Memory over time: no plan" : `Memory over time, at most ${size(peak)}`,
    });
  }

  #drawLatencies() {
    const { answer: { latencies_us: histogram, response }, scenario } = this.current;
    const { counts, edges_us: edges } = histogram ?? { counts: [], edges_us: [scenario.latencyUs] };
    const runs = counts.reduce((a, b) => a + b, 0);
    /** @type {[number, number]} */
    const ends = [Math.min(edges[0], scenario.latencyUs), Math.max(edges.at(-1), scenario.latencyUs)];
    const least = (ends[1] - ends[0]) / 60;
    const trace = {
      type: "bar", x: counts.map((_, i) => (edges[i] + edges[i + 1]) / 2 / MS),
      y: counts.map((count) => (100 * count) / runs),
      width: counts.map((_, i) => Math.max(least, edges[i + 1] - edges[i]) / MS),
      marker: { color: counts.map((_, i) => colour(edges[i] <= scenario.latencyUs ? "accent" : "deadline")) },
      hovertemplate: "%{y:.1f} % around %{x:.1f} ms<extra></extra>",
    };
    const hit = response.simulation?.hit_probability;
    return plot(byId("latency-chart"), [trace], {
      x: "latency, ms", y: "% of runs", zeroed: true, xRange: widened(ends), ...deadlineMark(scenario.latencyUs / MS, `T ${time(scenario.latencyUs)}`),
      label: hit === undefined ? "Latency distribution: no plan"
        : `Latency distribution of ${runs} runs: ${percent(hit)} in time`,
    });
  }

  #askFrontier() {
    const { scenario, documents } = this.current;
    const body = frontierQuestion(scenario, documents);
    const key = JSON.stringify(body);
    if (key === this.#key) return this.#sayState();
    this.#key = key;
    setText(byId("frontier-state"), "searching…");
    return this.explorer.ask(body);
  }

  /** How far the frontier is known, and of what it is the frontier. */
  #sayState() {
    if (!this.#frontier) return;
    const { points, final } = this.#frontier;
    const gaps = points.map((point) => point.relative_gap).filter((gap) => gap !== null);
    const worst = gaps.length ? `bounds within ${percent(Math.max(...gaps), 2)} of range` : "no plan in range";
    const { quantile } = this.current.scenario;
    const aside = quantile === null ? "" : "; jitter aside: no plan that keeps to the quantile scores more";
    setText(byId("frontier-state"), `${final ? "certified" : "refining"}: ${worst}${aside}`);
  }

  #refined(frontier) {
    this.#frontier = frontier;
    this.#sayState();
    if (frontier.final) this.#redrawFrontier();
    else this.#redrawing ??= setTimeout(() => this.#redrawFrontier(), REDRAW_MS);
  }

  #redrawFrontier() {
    clearTimeout(this.#redrawing);
    this.#redrawing = undefined;
    this.#drawFrontier().catch(this.onError);
  }

  #failed(error) {
    this.#key = "";
    this.#frontier = null;
    setText(byId("frontier-state"), error.message);
  }

  #drawFrontier() {
    const { answer: { response }, scenario } = this.current;
    const sizes = [...new Set((this.#frontier?.points ?? []).map((p) => p.preload_bytes))];
    const series = sizes.flatMap((bytes, i) => this.#band(bytes, LINE_COLOURS[i % LINE_COLOURS.length]));
    const plan = response.plan;
    const point = {
      type: "scatter", mode: "markers", name: "this plan", showlegend: Boolean(plan),
      x: plan ? [scenario.latencyUs / MS] : [], y: plan ? [plan.predicted.objective] : [],
      marker: { size: 11, color: colour("deadline"), line: { width: 2, color: colour("card") } },
      hovertemplate: "this plan: %{y:.4g} at T %{x:.1f} ms<extra></extra>",
    };
    return plot(byId("frontier"), [...series, point], {
      x: "deadline T, ms", y: "score", legend: true,
      label: plan ? `Best score by deadline for ${sizes.length} preload sizes; this plan scores `
        + `${score(plan.predicted.objective)} at ${time(scenario.latencyUs)}` : "Best score by deadline",
    });
  }

  /** The certified band of one preload size: upper bound, filled down to the best plan. */
  #band(bytes, colourName) {
    const points = this.#frontier.points.filter((p) => p.preload_bytes === bytes && p.lower_bound !== null);
    const x = points.map((p) => p.latency_us / MS);
    const color = colour(colourName);
    const common = { type: "scatter", x, line: { color, width: 2 }, legendgroup: String(bytes) };
    return [
      { ...common, y: points.map((p) => p.upper_bound), mode: "lines", line: { color, width: 0 },
        showlegend: false, hoverinfo: "skip" },
      { ...common, y: points.map((p) => p.lower_bound), mode: "lines+markers", marker: { size: 4, color },
        fill: "tonexty", fillcolor: faint(color, 0.25), name: `|S| ${size(bytes)}`,
        hovertemplate: `%{y:.4g} at T %{x:.1f} ms, |S| ${size(bytes)}<extra></extra>` },
    ];
  }
}

/** Ends of an axis in ms, a little beyond these in µs. @param {[number, number]} ends */
function widened([low, high]) {
  const margin = Math.max(0.06 * (high - low), 0.001 * high);
  return [(low - margin) / MS, (high + margin) / MS];
}

/**
 * The grid around a scenario: its slider of T, and no, its own and twice its own preload. A plan
 * that keeps to its deadline at a quantile keeps to it without jitter too, so that the frontier
 * without jitter bounds the one at a quantile, which would take ten plans for each of its points.
 */
function frontierQuestion(scenario, documents) {
  const { low, high } = latencyEnds(documents, usedEntry(documents, scenario));
  const own = scenario.preloadBytes || preloadEnds(documents).high / 4;
  const request = toRequest({ ...scenario, latencyUs: high, preloadBytes: 0, quantile: null });
  return {
    request, what_if: toWhatIf(scenario), store: false,
    frontier: { latencies_us: spread(low, high), preload_bytes: [0, Math.round(own), Math.round(2 * own)] },
  };
}

function spread(low, high) {
  const values = Array.from({ length: POINTS }, (_, i) =>
    Math.max(1, Math.round(low + ((high - low) * i) / (POINTS - 1))));
  return [...new Set(values)];
}
