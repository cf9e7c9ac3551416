// The what-if page: controls make a scenario, a scenario makes a question, answers are shown.

import { readAddress, writeAddress } from "./address.js";
import { showAnswer, showBaselines } from "./answer.js";
import { Charts } from "./charts.js";
import { ProblemError, ServerGoneError } from "./client.js";
import { Compare } from "./compare.js";
import { Connection } from "./connection.js";
import { Controls } from "./controls.js";
import {
  completed, dropUnknown, fetchDocuments, fetchLists, forgetDocuments, importanceFor,
} from "./documents.js";
import { byId, setText } from "./dom.js";
import { Downloads } from "./downloads.js";
import { Explorer } from "./explore.js";
import { misfit, usedEntry } from "./limits.js";
import { MeasuredRuns } from "./measured.js";
import { Pictures } from "./pictures.js";
import { toRequest, toWhatIf, withRule } from "./scenario.js";
import { measurePaint } from "./timing.js";
import { TryIt } from "./tryit.js";
import { Uploads } from "./uploads.js";

/** How long a final answer stays before what is slow to draw follows, ms. */
const SETTLE_MS = 120;

/** @type {import("./scenario.js").Scenario} */
let scenario;
/** @type {import("./limits.js").Documents} */
let documents;
/** @type {import("./controls.js").Lists} */
let lists;
/** @type {any} the answer on screen */
let answer = null;
/** @type {number | undefined} */
let settling;

const controls = new Controls({
  onChange: change,
  onFree: (layer, slice) => pin(layer, slice, { pin: null, forbidden: false }),
});
const connection = new Connection(start);
const explorer = new Explorer({ onEvent: showEvent, onError: showError });
const pictures = new Pictures({ onRule: pin });
const charts = new Charts({ onError: showError });
const compare = new Compare({ onChange: keepOther, onSwap: open, onError: showError });
const downloads = new Downloads();
const measured = new MeasuredRuns({ onTrace: showMeasured });
const tryIt = new TryIt();
new Uploads({ onRegistered: registered });

/** Change parts of the scenario; `settled` when a slider is let go. */
function change(changes, { settled, since = performance.now() }) {
  const renamed = "device" in changes || "model" in changes || "importance" in changes;
  if ("model" in changes) changes = { ...changes, ...forModel(changes.model) };
  scenario = { ...scenario, ...changes };
  if (renamed) open(scenario);
  else if (settled) settleOn(since);
  else ask(since);
}

function settleOn(since) {
  writeAddress(scenario, compare.other);
  controls.show(scenario, lists, documents);
  if (!sameAsAsked()) ask(since);
}

/** What another model changes beside its name. */
function forModel(model) {
  return {
    importance: importanceFor(model, lists.importance), pins: [], forbids: [], bitwidths: null,
    memoryBytes: null,
  };
}

function pin(layer, slice, rule) {
  const { pins, forbids } = withRule(scenario, layer, slice, rule);
  change({ pins, forbids }, { settled: true });
}

let asked = "";

function question() {
  return { request: toRequest(scenario), what_if: toWhatIf(scenario), frontier: null, store: false };
}

function sameAsAsked() {
  return JSON.stringify(question()) === asked;
}

function ask(since = performance.now()) {
  clearTimeout(settling);
  if (!usedEntry(documents, scenario)) return refuse();
  const body = question();
  asked = JSON.stringify(body);
  markBusy();
  return explorer.ask(body, since);
}

/** The device cannot be asked about, which the field of the device says too. */
function refuse() {
  explorer.abort();
  asked = "";
  markIdle();
  sayProblem(misfit(documents));
}

/** What is on screen answers an earlier question. */
function markBusy() {
  for (const id of ["answer", "charts"]) byId(id).setAttribute("aria-busy", "true");
}

function markIdle() {
  for (const id of ["answer", "charts"]) byId(id).removeAttribute("aria-busy");
}

/** Show one event of the stream. */
function showEvent(event, timing) {
  answer = event;
  clearProblem();
  pictures.show(event, scenario, documents);
  showAnswer(event, documents.table, (changes) => change(changes, { settled: true }));
  measurePaint(timing, { server: event.elapsed_us, final: event.final });
  if (!event.final) return;
  byId("answer").removeAttribute("aria-busy");
  clearTimeout(settling);
  settling = setTimeout(settle, SETTLE_MS);
}

/** Once an answer is final and the slider rests: what takes longer to draw. */
function settle() {
  showBaselines(answer.response, scenario.policy, (changes) => change(changes, { settled: true }));
  pictures.settle();
  charts.show(answer, scenario, documents, pictures.gantt.axisEndUs);
  downloads.offer(answer, scenario);
  measured.lookFor(answer.response.plan);
  tryIt.offer(answer.response.plan);
  compare.showCurrent(answer, scenario, documents);
  byId("charts").removeAttribute("aria-busy");
}

/** @param {any} trace a measured run of the plan on screen, or null */
function showMeasured(trace) {
  pictures.showMeasured(trace);
  downloads.measured = trace;
  charts.align(pictures.gantt.axisEndUs);
}

function showError(error) {
  markIdle();
  if (error instanceof ServerGoneError) return connection.lost();
  const elsewhere = error instanceof ProblemError ? controls.fail(error.errors) : [];
  const details = elsewhere.map(({ pointer, detail }) => `${pointer}: ${detail}`);
  sayProblem([error.message, ...details].join("; "));
  if (!(error instanceof ProblemError)) console.error(error);
}

function sayProblem(text) {
  byId("answer").dataset.status = "error";
  setText(byId("status"), "cannot be answered");
  byId("problem").hidden = false;
  setText(byId("problem"), text);
}

function clearProblem() {
  const problem = byId("problem");
  if (problem.hidden) return;
  problem.hidden = true;
  setText(problem, "");
}

/** Go to a scenario: fetch its documents, then ask. */
async function open(next, { replace = false } = {}) {
  markBusy();
  try {
    const found = await fetchDocuments(next);
    scenario = withEntry(next, found);
    documents = found;
  } catch (error) {
    return showError(error);
  }
  clearProblem();
  pictures.shape(scenario, documents);
  byId("controls").inert = byId("compare").inert = false;
  controls.show(scenario, lists, documents);
  writeAddress(scenario, compare.other, { replace });
  return ask();
}

/** The scenario on a compute entry that the device has for the model. */
function withEntry(next, found) {
  const entry = usedEntry(found, next);
  if (!entry) return next;
  return { ...next, computeTarget: entry.target, sequenceLength: entry.sequence_length };
}

/** What the address says, from the start or after going back. */
async function start() {
  try {
    lists = await fetchLists();
    const { given, mistakes, other } = readAddress();
    const unknown = dropUnknown(given, lists);
    notify([...mistakes, ...unknown]);
    const whole = await completed(given, lists);
    await compare.keep(other ? await completed(other, lists) : null, lists);
    return await open(whole, { replace: true });
  } catch (error) {
    return showError(error);
  }
}

/** @param {string[]} mistakes of the address */
function notify(mistakes) {
  const notice = byId("notice");
  notice.hidden = mistakes.length === 0;
  setText(notice, `This link is not quite right, so defaults stand in: ${mistakes.join("; ")}.`);
}

function keepOther() {
  writeAddress(scenario, compare.other);
  if (answer) compare.showCurrent(answer, scenario, documents);
}

async function registered() {
  forgetDocuments();
  await start();
}

async function copyLink() {
  await navigator.clipboard.writeText(location.href);
  setText(byId("share"), "Copied");
  setTimeout(() => setText(byId("share"), "Copy link"), 1500);
}

byId("share").addEventListener("click", copyLink);
byId("keep").addEventListener("click", () => compare.keep(scenario, lists).then(keepOther));
byId("reset").addEventListener("click", () => {
  history.pushState(null, "", "/");
  start();
});
addEventListener("popstate", start);
document.body.classList.add("built");
start();
