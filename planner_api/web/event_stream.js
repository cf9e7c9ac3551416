// Server-Sent Events out of a response of fetch (EventSource cannot post).

import { ServerGoneError } from "./client.js";

/**
 * Every event of a stream: its name and its data, parsed as JSON. ServerGoneError if it breaks off.
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<{name: string, data: any}>}
 */
export async function* eventsOf(body) {
  let text = "";
  const decoder = /** @type {ReadableWritablePair<string, any>} */ (new TextDecoderStream());
  const reader = body.pipeThrough(decoder).getReader();
  for (;;) {
    const { value, done } = await reader.read().catch(brokenOff);
    if (done) return;
    text += value;
    const blocks = text.replaceAll("\r\n", "\n").split("\n\n");
    text = blocks.pop() ?? "";
    yield* blocks.map(eventOf).filter((event) => event !== null);
  }
}

/** @returns {never} */
function brokenOff(cause) {
  throw new ServerGoneError("the answer broke off", { cause });
}

function eventOf(block) {
  const fields = block.split("\n").filter((line) => line && !line.startsWith(":")).map(fieldOf);
  const data = fields.filter(([name]) => name === "data").map(([, value]) => value);
  if (data.length === 0) return null;
  const name = fields.find(([field]) => field === "event")?.[1] ?? "message";
  return { name, data: JSON.parse(data.join("\n")) };
}

function fieldOf(line) {
  const colon = line.indexOf(":");
  if (colon < 0) return [line, ""];
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
}
