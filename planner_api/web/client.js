// Talking to the service: JSON in and out, problems as errors, the key if the service wants one.

const KEY = "shardstream-key";

/** The service did not answer at all. */
export class ServerGoneError extends Error {}

/** The service answered with a problem (RFC 9457). */
export class ProblemError extends Error {
  /** @param {{title?: string, status?: number, detail?: string, errors?: FieldProblem[]}} problem */
  constructor(problem) {
    super(problem.detail ?? problem.title ?? "the service answered with an error");
    this.status = problem.status ?? 0;
    /** @type {FieldProblem[]} */
    this.errors = problem.errors ?? [];
  }
}

/** @typedef {{pointer: string, detail: string}} FieldProblem */

/**
 * A response that is fine; ProblemError or ServerGoneError otherwise.
 * @param {string} path @param {RequestInit} [init]
 */
export async function request(path, init = {}) {
  const key = sessionStorage.getItem(KEY);
  const response = await reached(path, init, key);
  if (response.ok) return response;
  if (response.status === 401 && hasOtherKey(key)) return request(path, init);
  throw new ProblemError(await problemOf(response));
}

async function reached(path, init, key) {
  const headers = { ...init.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  try {
    return await fetch(path, { ...init, headers });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ServerGoneError(`nothing answers at ${location.origin}`, { cause: error });
  }
}

/** Whether there is another key to try: given meanwhile for another request, or now. */
function hasOtherKey(refused) {
  if (sessionStorage.getItem(KEY) !== refused) return true;
  const given = prompt("This service asks for a key (SHARDSTREAM_API_KEYS):");
  if (given) sessionStorage.setItem(KEY, given.trim());
  return Boolean(given);
}

async function problemOf(response) {
  const fallback = { status: response.status, title: response.statusText };
  return response.json().then((body) => ({ ...fallback, ...body }), () => fallback);
}

/** A JSON document of the service. */
export async function getJson(path) {
  return (await request(path)).json();
}

/** Send a document (an object, or text that is JSON already); returns the parsed answer. */
export async function postJson(path, document) {
  return (await post(path, document)).json();
}

/** Send a document; returns the response as it streams in. */
export function post(path, document, signal) {
  const body = typeof document === "string" ? document : JSON.stringify(document);
  const headers = { "Content-Type": "application/json" };
  return request(path, { method: "POST", body, headers, signal });
}
