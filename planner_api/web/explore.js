// Asking POST /v1/explore: always for the newest value, never for two at once.

import { post, ProblemError } from "./client.js";
import { eventsOf } from "./event_stream.js";

const PATH = "/v1/explore";

/**
 * How long an older request may still bring its first answer before a newer one aborts it. Without
 * it a slider that moves faster than the server solves would show nothing until it rests.
 */
const GRACE_MS = 120;

const BUSY = 503;
const BUSY_MS = 500;

/**
 * @typedef {{body: object, since: number}} Question `since`: of the input, as performance.now()
 * @typedef {object} Handlers
 * @property {(data: any, timing: Timing) => void} onEvent
 * @property {(error: Error) => void} onError
 * @typedef {{since: number, sent: number, received: number, first: boolean}} Timing
 */

export class Explorer {
  /** @type {AbortController | null} */ #running = null;
  /** @type {Question | null} */ #next = null;
  #answered = true;

  /** @param {Handlers} handlers */
  constructor(handlers) {
    this.handlers = handlers;
  }

  /** Ask; what was asked before is aborted, at once if it has shown an answer. */
  ask(body, since = performance.now()) {
    this.#next = { body, since };
    if (this.#running && !this.#answered) {
      const overdue = this.#running;
      setTimeout(() => this.#next && this.#running === overdue && this.#start(), GRACE_MS);
    } else {
      this.#start();
    }
  }

  /** Stop asking. */
  abort() {
    this.#next = null;
    this.#running?.abort();
    this.#running = null;
    this.#answered = true;
  }

  #start() {
    const question = this.#next;
    this.#running?.abort();
    this.#running = new AbortController();
    this.#next = null;
    this.#answered = false;
    this.#follow(question, this.#running);
  }

  async #follow({ body, since }, controller) {
    const sent = performance.now();
    try {
      const response = await post(PATH, body, controller.signal);
      for await (const { name, data } of eventsOf(response.body)) {
        if (controller.signal.aborted) return;
        if (name === "problem") throw new ProblemError(data);
        this.#deliver(data, { since, sent, received: performance.now(), first: !this.#answered });
      }
    } catch (error) {
      if (controller.signal.aborted) return;
      this.handlers.onError(error);
      if (isBusy(error)) return this.#again(controller, { body, since });
    }
    if (this.#running === controller) this.#finish();
  }

  /** Ask a busy service again, or the newer question if there is one. */
  #again(controller, question) {
    setTimeout(() => {
      if (this.#running !== controller) return;
      this.#next ??= question;
      this.#start();
    }, BUSY_MS);
  }

  #deliver(data, timing) {
    this.#answered = true;
    this.handlers.onEvent(data, timing);
    if (this.#next) this.#start();
  }

  #finish() {
    this.#running = null;
    this.#answered = true;
    if (this.#next) this.#start();
  }
}

/** Whether the service refuses because it explores as much as it may, or cannot reach its database. */
function isBusy(error) {
  return error instanceof ProblemError && error.status === BUSY;
}
