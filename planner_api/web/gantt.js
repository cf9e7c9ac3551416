// The Gantt picture: reads, decode, compute and stalls on one axis of time, with the deadline.
//
// All bars of one colour are one path, so that a repaint sets a few attributes and no more.

import { colourSteps, shardKey, shardsOf } from "./bitwidths.js";
import { element, setText, svgElement } from "./dom.js";
import { size, stretch, time } from "./units.js";

export const LEFT = 66;
export const RIGHT = 14;
const TOP = 26;
const LANE = 48;
const BAR = 28;
const MEASURED_BAR = 8;
const MEASURED_TOP = BAR - 3;
const FOOT = 38;
const LEAST_LABEL = 19;
const TICK_WIDTH = 72;
const STEPS = 6;
const HELP = "Point at a bar for its numbers.";
const LANE_NAMES = ["flash", "compute", "decode"];
const KINDS = ["compute", "compute-odd", "decode", "decode-odd", "stall"];

/**
 * @typedef {{kind: string, layer: number, slices: number[], start_us: number, end_us: number,
 *   bytes: number}} Span
 * @typedef {{latency_us: number, spans: Span[]}} Trace
 * @typedef {object} Scene
 * @property {Trace | null} trace simulated
 * @property {Trace | null} [measured] drawn over it
 * @property {number} deadlineUs
 * @property {object | null} plan
 * @property {number[]} bitwidths of the model
 * @property {number} [leastSpanUs] the axis is at least this long, to compare two pictures
 */

export class Gantt {
  /** @type {Scene | null} */ #scene = null;
  /** @type {Map<string, SVGPathElement>} */ #paths = new Map();
  #scale = 1;
  #width = 0;
  axisEndUs = 1;

  /** @param {HTMLElement} box @param {{label: string}} options */
  constructor(box, { label }) {
    this.box = box;
    this.grid = svgElement("g", { class: "grid" });
    this.bars = svgElement("g");
    this.texts = svgElement("g", { class: "labels" });
    this.lanes = svgElement("g", { class: "lanes" });
    this.deadline = svgElement("g", { class: "deadline" });
    this.svg = svgElement("svg", { role: "img", "aria-label": label },
      hatching(), this.grid, this.bars, this.texts, this.lanes, this.deadline);
    this.label = label;
    this.readout = element("p", { class: "readout" }, HELP);
    box.replaceChildren(this.svg, this.readout);
    this.svg.addEventListener("pointermove", (event) => this.#point(event));
    this.svg.addEventListener("pointerleave", () => setText(this.readout, HELP));
    new ResizeObserver(() => this.#resized()).observe(box);
  }

  /** @param {Scene} scene */
  show(scene) {
    this.#scene = scene;
    this.#draw();
  }

  #resized() {
    if (this.#scene && this.box.clientWidth !== this.#width) this.#draw();
  }

  #draw() {
    const { trace, measured, deadlineUs, leastSpanUs = 0 } = this.#scene;
    const lanes = hasDecodeWorker(trace) ? 3 : 2;
    const height = TOP + lanes * LANE + FOOT;
    this.#width = this.box.clientWidth || 600;
    const end = Math.max(trace?.latency_us ?? 0, measured?.latency_us ?? 0, deadlineUs, leastSpanUs, 1);
    this.axisEndUs = 1.02 * end;
    this.#scale = (this.#width - LEFT - RIGHT) / this.axisEndUs;
    this.svg.setAttribute("viewBox", `0 0 ${this.#width} ${height}`);
    this.svg.setAttribute("height", String(height));
    this.svg.setAttribute("aria-label", `${this.label}: ${described(this.#scene)}`);
    this.#drawGrid(end, TOP + lanes * LANE);
    this.#drawLanes(lanes);
    this.#drawBars(lanes);
    this.#drawLabels();
    this.#drawDeadline(deadlineUs, TOP + lanes * LANE);
  }

  #x(us) {
    return LEFT + us * this.#scale;
  }

  #drawGrid(end, bottom) {
    const step = tickStep(end, Math.max(2, Math.floor((this.#width - LEFT) / TICK_WIDTH)));
    const [unit, perUnit] = end < 2000 ? ["µs", 1] : ["ms", 1000];
    const marks = [];
    for (let at = 0; at <= end; at += step) {
      const x = this.#x(at).toFixed(1);
      marks.push(svgElement("line", { x1: x, x2: x, y1: TOP - 6, y2: bottom }),
        svgElement("text", { x, y: bottom + 16, "text-anchor": "middle" }, String(at / perUnit)));
    }
    marks.push(svgElement("text", { x: this.#width - RIGHT, y: bottom + 32, "text-anchor": "end" },
      `${unit} from the first read`));
    this.grid.replaceChildren(...marks);
  }

  #drawLanes(lanes) {
    if (this.lanes.childElementCount === lanes) return;
    this.lanes.replaceChildren(...LANE_NAMES.slice(0, lanes).map((name, lane) => svgElement(
      "text", { x: LEFT - 10, y: TOP + lane * LANE + BAR / 2 + 4, "text-anchor": "end" }, name)));
  }

  #drawBars(lanes) {
    const shapes = new Map([...barClasses()].map((name) => [name, []]));
    const { trace, measured, plan, bitwidths } = this.#scene;
    const steps = colourSteps(bitwidths);
    const shards = shardsOf(plan);
    for (const span of trace?.spans ?? []) {
      shapes.get(barClass(span, shards, steps))?.push(this.#bar(span, laneOf(span, lanes), BAR, 0));
    }
    for (const span of measured?.spans ?? []) {
      shapes.get("measured")?.push(
        this.#bar(span, laneOf(span, lanes), MEASURED_BAR, MEASURED_TOP));
    }
    for (const [name, parts] of shapes) this.#path(name).setAttribute("d", parts.join(""));
  }

  #bar(span, lane, height, shift) {
    const x = this.#x(span.start_us);
    const width = Math.max(0.4, this.#x(span.end_us) - x);
    const y = TOP + lane * LANE + shift;
    return `M${x.toFixed(2)} ${y}h${width.toFixed(2)}v${height}h${(-width).toFixed(2)}z`;
  }

  #path(name) {
    let path = this.#paths.get(name);
    if (!path) {
      path = /** @type {SVGPathElement} */ (svgElement("path", { class: `bar ${name}` }));
      this.#paths.set(name, path);
      this.bars.append(path);
    }
    return path;
  }

  #drawLabels() {
    const wide = layersOf(this.#scene.trace).filter(
      ({ start, end }) => (end - start) * this.#scale >= LEAST_LABEL);
    const texts = [...this.texts.children];
    const belowReads = BAR + (this.#scene.measured ? 16 : 11);
    wide.forEach(({ lane, layer, start, end }, i) => {
      const text = texts[i] ?? this.texts.appendChild(svgElement("text", { "text-anchor": "middle" }));
      text.setAttribute("class", lane === 0 ? "on-reads" : "on-compute");
      text.setAttribute("x", this.#x((start + end) / 2).toFixed(1));
      text.setAttribute("y", String(TOP + lane * LANE + (lane === 0 ? belowReads : BAR / 2 + 4)));
      setText(text, String(layer));
    });
    texts.slice(wide.length).forEach((text) => text.remove());
  }

  #drawDeadline(deadlineUs, bottom) {
    const x = this.#x(deadlineUs);
    const anchor = x > this.#width / 2 ? "end" : "start";
    this.deadline.replaceChildren(
      svgElement("line", { x1: x, x2: x, y1: TOP - 12, y2: bottom }),
      svgElement("text", { x, y: 11, "text-anchor": anchor }, `deadline ${time(deadlineUs)}`));
  }

  #point(event) {
    const box = this.svg.getBoundingClientRect();
    const at = (event.clientX - box.left - LEFT) / this.#scale;
    const lane = Math.floor((event.clientY - box.top - TOP) / LANE);
    const lanes = hasDecodeWorker(this.#scene?.trace) ? 3 : 2;
    const span = this.#scene?.trace?.spans.find((s) =>
      laneOf(s, lanes) === lane && s.start_us <= at && at <= s.end_us);
    setText(this.readout, span ? tooltip(span, shardsOf(this.#scene?.plan)) : HELP);
  }
}

/** What the picture says, layer by layer, as rows of a table. */
export function layerRows(trace, plan) {
  const of = (kind, layer) => trace.spans.filter((s) => s.kind === kind && s.layer === layer);
  return (plan?.predicted.layers ?? []).map((_, layer) => {
    const reads = of("read", layer);
    const computes = of("compute", layer).filter((s) => s.slices.length > 0);
    return [
      String(layer),
      size(reads.reduce((sum, s) => sum + s.bytes, 0)),
      interval(reads),
      duration(of("decode", layer)),
      interval(computes),
      duration(of("stall", layer)),
    ];
  });
}

const total = (spans) => spans.reduce((sum, s) => sum + s.end_us - s.start_us, 0);

const duration = (spans) => (spans.length ? time(total(spans)) : "–");

function interval(spans) {
  if (spans.length === 0) return "–";
  const start = Math.min(...spans.map((s) => s.start_us));
  const end = Math.max(...spans.map((s) => s.end_us));
  return stretch(start, end);
}

function described({ trace, deadlineUs }) {
  if (!trace) return "no plan";
  const stalled = total(trace.spans.filter((s) => s.kind === "stall"));
  return `answer after ${time(trace.latency_us)}, deadline ${time(deadlineUs)}, `
    + `stalled for ${time(stalled)}`;
}

/** Whether decoding overlaps computing, so that it has a lane of its own. @param {Trace | null | undefined} trace */
export function hasDecodeWorker(trace) {
  const own = (trace?.spans ?? []).filter((s) => s.kind !== "read");
  own.sort((a, b) => a.start_us - b.start_us || a.end_us - b.end_us);
  return own.some((span, i) => i > 0 && span.start_us < own[i - 1].end_us);
}

function laneOf({ kind }, lanes) {
  if (kind === "read") return 0;
  return kind === "decode" && lanes === 3 ? 2 : 1;
}

function* barClasses() {
  for (let step = 0; step < STEPS; step++) yield `read step-${step}`;
  yield* KINDS;
  yield "measured";
}

function barClass({ kind, layer, slices }, shards, steps) {
  if (kind === "stall") return kind;
  if (kind !== "read") return layer % 2 ? `${kind}-odd` : kind;
  return `read step-${steps.get(shards.get(shardKey(layer, slices[0]))?.bits) ?? 0}`;
}

/** Where each layer reads and computes, to put its number there. */
function layersOf(trace) {
  const found = new Map();
  for (const { kind, layer, slices, start_us: start, end_us: end } of trace?.spans ?? []) {
    if ((kind !== "read" && kind !== "compute") || slices.length === 0) continue;
    const lane = kind === "read" ? 0 : 1;
    const known = found.get(`${lane}.${layer}`) ?? { lane, layer, start, end };
    found.set(`${lane}.${layer}`,
      { lane, layer, start: Math.min(start, known.start), end: Math.max(end, known.end) });
  }
  return [...found.values()];
}

function tooltip({ kind, layer, slices, start_us, end_us, bytes }, shards) {
  const bits = kind === "read" ? shards.get(shardKey(layer, slices[0]))?.bits : undefined;
  const words = [
    `${kind}, layer ${layer}`,
    slices.length ? `${slices.length > 1 ? "slices" : "slice"} ${slices.join(", ")}` : "",
    bits === undefined ? "" : `${bits} bit`,
    bytes ? size(bytes) : "",
    `${stretch(start_us, end_us)} (${time(end_us - start_us)})`,
  ];
  return words.filter(Boolean).join(" · ");
}

/** The least of 1, 2, 5, 10, 20, 50… that gives at most so many ticks. */
function tickStep(end, most) {
  let step = 1;
  while (end > most * step) step = String(step).startsWith("2") ? (step * 5) / 2 : step * 2;
  return step;
}

function hatching() {
  const pattern = svgElement("pattern", {
    id: "stripes", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)",
  }, svgElement("rect", { class: "stripe", width: 2.5, height: 6 }));
  return svgElement("defs", {}, pattern);
}
