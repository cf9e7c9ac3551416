// The address says the scenario: shared links open it, back and forward move through it.

import { fromQuery, toQuery } from "./scenario.js";

const OTHER = "compare";
const BURST_MS = 800;
let pushed = -Infinity;

/** What the address says, of the scenario on screen and of the one it is compared with. */
export function readAddress() {
  const query = new URLSearchParams(location.search);
  const other = query.get(OTHER);
  return {
    ...fromQuery(query),
    other: other === null ? null : fromQuery(new URLSearchParams(other)).given,
  };
}

/**
 * Let the address say a scenario. Changes in quick succession, as by an arrow key held down, make
 * one step of history.
 * @param {import("./scenario.js").Scenario} scenario
 * @param {import("./scenario.js").Scenario | null} other
 */
export function writeAddress(scenario, other, { replace = false } = {}) {
  const query = new URLSearchParams(toQuery(scenario));
  if (other) query.set(OTHER, toQuery(other));
  const url = `/?${query}`;
  if (url === location.pathname + location.search) return;
  const now = performance.now();
  if (replace || now - pushed < BURST_MS) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  pushed = replace ? pushed : now;
}
