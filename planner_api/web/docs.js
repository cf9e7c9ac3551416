// Renders /openapi.json: operations by tag, then the documents they exchange.

import { element } from "/web/dom.js";

const nameOf = (reference) => reference.split("/").at(-1);
const schemaAnchor = (name) => `schema-${name}`;
const operationAnchor = (method, path) => `${method}-${path.replace(/[^a-z0-9]+/gi, "-")}`;

function schemaLink(name) {
  return element("a", { href: `#${schemaAnchor(name)}` }, name);
}

/** What a schema allows, in a few words with links. */
function typeOf(schema) {
  if (schema.$ref) return [schemaLink(nameOf(schema.$ref))];
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choices) return choices.flatMap((choice, i) => [i ? " | " : "", ...typeOf(choice)]);
  if (schema.const !== undefined) return [element("code", {}, JSON.stringify(schema.const))];
  if (schema.enum) return [element("code", {}, schema.enum.map((v) => JSON.stringify(v)).join(" | "))];
  if (schema.type === "array") return ["[", ...(schema.items ? typeOf(schema.items) : ["any"]), "]"];
  if (schema.type === "object" && typeof schema.additionalProperties === "object") {
    return ["{key: ", ...typeOf(schema.additionalProperties), "}"];
  }
  return [`${schema.type ?? "any"}${boundsOf(schema)}`];
}

function boundsOf(schema) {
  const parts = [];
  if (schema.minimum !== undefined) parts.push(`≥ ${schema.minimum}`);
  if (schema.exclusiveMinimum !== undefined) parts.push(`> ${schema.exclusiveMinimum}`);
  if (schema.maximum !== undefined) parts.push(`≤ ${schema.maximum}`);
  if (schema.exclusiveMaximum !== undefined) parts.push(`< ${schema.exclusiveMaximum}`);
  if (schema.pattern) parts.push(schema.pattern);
  return parts.length ? ` (${parts.join(", ")})` : "";
}

function table(headings, rows) {
  const head = element("tr", {}, headings.map((text) => element("th", { scope: "col" }, text)));
  const body = rows.map((row) => element("tr", {}, row.map((cell) => element("td", {}, cell))));
  return element("div", { class: "scroll" },
    element("table", {}, element("thead", {}, head), element("tbody", {}, body)));
}

function bodyType(content) {
  const media = Object.keys(content ?? {});
  return media.flatMap((type) => [...typeOf(content[type].schema ?? {}), ` as ${type}`]);
}

function parameters(operation) {
  const rows = (operation.parameters ?? []).map((p) => [
    [element("code", {}, p.name), p.required ? element("span", { class: "required" }, " required") : ""],
    p.in, typeOf(p.schema ?? {}), p.description ?? "",
  ]);
  return rows.length ? [element("h4", {}, "Parameters"), table(["Name", "In", "Type", "Meaning"], rows)] : [];
}

function responses(operation) {
  const rows = Object.entries(operation.responses).map(([status, answer]) =>
    [element("code", {}, status), bodyType(answer.content), answer.description ?? ""]);
  return [element("h4", {}, "Answers"), table(["Status", "Body", "Meaning"], rows)];
}

function operationCard({ method, path, operation }) {
  const body = operation.requestBody;
  return element("details", { class: "item", id: operationAnchor(method, path) },
    element("summary", {},
      element("span", { class: `method ${method}` }, method),
      element("span", { class: "path" }, path),
      element("span", { class: "about" }, operation.summary ?? "")),
    element("div", { class: "inside" },
      element("p", {}, operation.description ?? ""),
      parameters(operation),
      body ? [element("h4", {}, "Body"), element("p", {}, bodyType(body.content))] : [],
      responses(operation)));
}

function schemaCard([name, schema]) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).map(([field, part]) => [
    [element("code", {}, field), required.has(field) ? element("span", { class: "required" }, " required") : ""],
    typeOf(part),
    part.default === undefined ? "" : element("code", {}, JSON.stringify(part.default)),
  ]);
  return element("details", { class: "item", id: schemaAnchor(name) },
    element("summary", {}, element("span", { class: "path" }, name),
      element("span", { class: "about" }, (schema.description ?? "").split("\n")[0])),
    element("div", { class: "inside" },
      element("p", {}, schema.description ?? ""),
      rows.length ? table(["Field", "Type", "If left out"], rows) : element("p", {}, typeOf(schema))));
}

function operationsByTag(api) {
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? "other";
      groups.set(tag, [...(groups.get(tag) ?? []), { method, path, operation }]);
    }
  }
  return groups;
}

function contents(groups, schemas) {
  const list = (items) => element("ul", {}, items.map((item) => element("li", {}, item)));
  const operations = [...groups].flatMap(([tag, entries]) => [
    element("h2", {}, tag),
    list(entries.map(({ method, path, operation }) =>
      element("a", { href: `#${operationAnchor(method, path)}` }, operation.summary ?? path))),
  ]);
  return [...operations, element("h2", {}, "Documents"), list(Object.keys(schemas).map(schemaLink))];
}

/** Open whatever the address points to. */
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

async function render() {
  const main = document.getElementById("main");
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(`/openapi.json answered ${answer.status}`);
    const api = await answer.json();
    const groups = operationsByTag(api);
    const schemas = api.components.schemas;
    document.getElementById("version").textContent = api.info.version;
    document.getElementById("description").textContent = api.info.description ?? "";
    document.getElementById("contents").replaceChildren(...contents(groups, schemas));
    main.replaceChildren(
      ...[...groups].flatMap(([tag, entries]) => [element("h2", {}, tag), ...entries.map(operationCard)]),
      element("h2", {}, "Documents"), ...Object.entries(schemas).map(schemaCard));
    openTarget();
  } catch (error) {
    main.replaceChildren(element("p", { class: "notice" }, `This page could not be drawn: ${error.message}`));
  }
}

addEventListener("hashchange", openTarget);
render();
