// How long it took from a slider's input to the repainted page. As performance.measure entries, one
// of each for every first answer: explore:wait, explore:transfer (with the server's own times as
// detail), explore:render, and their sum explore:total.

const KEPT = 1000;
let taken = 0;

/**
 * Measure the first answer to a question, once the frame that shows it is painted.
 * @param {import("./explore.js").Timing} timing @param {object} detail
 */
export function measurePaint({ since, sent, received, first }, detail) {
  if (!first) return;
  requestAnimationFrame(() => {
    const channel = new MessageChannel(); // its message comes after the paint of this frame
    channel.port1.onmessage = () => record({ since, sent, received }, detail);
    channel.port2.postMessage(null);
  });
}

function record({ since, sent, received }, detail) {
  const painted = performance.now();
  if (taken++ % KEPT === 0) performance.clearMeasures();
  performance.measure("explore:wait", { start: since, end: sent, detail });
  performance.measure("explore:transfer", { start: sent, end: received, detail });
  performance.measure("explore:render", { start: received, end: painted, detail });
  performance.measure("explore:total", { start: since, end: painted, detail });
}
