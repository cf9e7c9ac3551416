// What can be taken along: plan, request, report, Chrome trace; the request as commands.

import { postJson } from "./client.js";
import { byId, element, setText } from "./dom.js";
import { hasDecodeWorker } from "./gantt.js";
import { toRequest, toWhatIf } from "./scenario.js";
import { shortDigest } from "./units.js";

const THREADS = ["flash", "compute", "decode worker"];
const THREAD_OF = { read: 1, compute: 2, stall: 2, decode: 2 };
const WORKER = 3;

export class Downloads {
  constructor() {
    this.#onClick("download-plan", () => save("plan.json", this.answer.response.plan));
    this.#onClick("download-request", () => save("request.json", questionOf(this.scenario)));
    this.#onClick("download-report", () => save("report.json", this.answer.response));
    this.#onClick("download-trace", () => save("trace.json", chromeTrace(
      [this.answer.trace, this.measured].filter((trace) => trace !== null))));
    this.#onClick("store", () => this.#store());
    this.#enable();
  }

  #onClick(id, act) {
    byId(id).addEventListener("click", act);
  }

  /** @type {any} a measured run of the plan, or null */ measured = null;

  /** Offer a final answer. */
  offer(answer, scenario) {
    this.answer = answer;
    this.scenario = scenario;
    this.#enable();
    setText(byId("stored"), "\u00a0");
    byId("commands").replaceChildren(...commandsOf(scenario));
  }

  #enable() {
    const plan = this.answer?.response?.plan;
    for (const id of ["download-plan", "download-trace"]) byId(id).disabled = !plan;
    for (const id of ["download-request", "download-report"]) byId(id).disabled = !this.answer;
    const imaginary = this.scenario && toWhatIf(this.scenario) !== null;
    byId("store").disabled = !plan || imaginary;
    byId("store").title = imaginary ? "The device of these factors does not exist" : "";
  }

  async #store() {
    try {
      const { plan } = await postJson("/v1/plans", toRequest(this.scenario));
      byId("stored").replaceChildren("Stored: ", element("a", {
        href: `/web/registry.html?kind=plans&id=${encodeURIComponent(plan.id)}`,
      }, shortDigest(plan.id)));
    } catch (error) {
      setText(byId("stored"), error.message);
    }
  }
}

function save(name, document_) {
  const blob = new Blob([`${JSON.stringify(document_, null, 2)}\n`], { type: "application/json" });
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** What was asked: a PlanRequest, with the factors beside it if the device does not exist. */
function questionOf(scenario) {
  const [request, whatIf] = [toRequest(scenario), toWhatIf(scenario)];
  return whatIf === null ? request : { request, what_if: whatIf };
}

/** Runs as Chrome trace events, which Perfetto opens: one process a run, its threads below it. */
function chromeTrace(traces) {
  return { traceEvents: traces.flatMap((trace, i) => eventsOf(trace, i + 1)), displayTimeUnit: "ms" };
}

function eventsOf(trace, pid) {
  const threads = { ...THREAD_OF, ...(hasDecodeWorker(trace) ? { decode: WORKER } : {}) };
  const named = (name, tid, text) => ({ ph: "M", name, pid, tid, args: { name: text } });
  return [
    named("process_name", 0, `${trace.source} on ${trace.device}`),
    ...THREADS.map((name, i) => named("thread_name", i + 1, name)),
    ...trace.spans.map(({ kind, layer, slices, start_us: start, end_us: end, bytes }) => ({
      ph: "X", name: `${kind} layer ${layer}`, cat: kind, pid, tid: threads[kind], ts: start,
      dur: end - start, args: { layer, slices, bytes },
    })),
  ];
}

/** The question as commands; the command line only plans for devices that exist. */
function commandsOf(scenario) {
  const question = JSON.stringify(questionOf(scenario));
  const quoted = `'${question.replaceAll("'", "'\\''")}'`;
  if (toWhatIf(scenario) !== null) {
    return [command("curl", `curl --no-buffer --json ${quoted} ${location.origin}/v1/explore`)];
  }
  return [
    command("curl", `curl --json ${quoted} ${location.origin}/v1/plans`),
    command("command line", `printf %s ${quoted} | shardstream plan - --database DATABASE`),
  ];
}

function command(name, text) {
  const copy = element("button", { type: "button", "aria-label": `copy the ${name} command` }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    setText(copy, "Copied");
    setTimeout(() => setText(copy, "Copy"), 1500);
  });
  return element("div", { class: "command" },
    element("div", { class: "title-line" }, element("span", { class: "hint" }, name), copy),
    element("pre", { tabindex: 0 }, text));
}
