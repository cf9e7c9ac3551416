// Whether the service answers: a banner while it does not, and another try every few seconds.

import { byId } from "./dom.js";

const LEAST_WAIT_S = 1;
const MOST_WAIT_S = 8;

export class Connection {
  #gone = false;

  /** @param {() => void} onBack */
  constructor(onBack) {
    this.onBack = onBack;
    this.banner = byId("connection");
  }

  /** The service did not answer: say so and try until it does. */
  lost() {
    if (this.#gone) return;
    this.#gone = true;
    document.body.dataset.connection = "lost";
    this.#retry(LEAST_WAIT_S);
  }

  #retry(waitS) {
    this.banner.textContent = `The service at ${location.host} does not answer. What is on screen is `
      + `the last answer. Trying again every ${waitS} s.`;
    this.banner.hidden = false;
    setTimeout(() => this.#try(waitS), 1000 * waitS);
  }

  async #try(waitS) {
    const alive = await fetch("/healthz").then((response) => response.ok, () => false);
    if (alive) this.#back();
    else this.#retry(Math.min(MOST_WAIT_S, 2 * waitS));
  }

  #back() {
    this.#gone = false;
    delete document.body.dataset.connection;
    this.banner.hidden = true;
    this.onBack();
  }
}
