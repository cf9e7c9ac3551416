// Elements: made, found and filled. Text is always text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes and children; false, null and undefined attributes are left out.
 * @param {string} name
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Node | string | (Node | string)[])} children
 * @returns {any} an HTMLElement of that name
 */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same within an SVG. */
export function svgElement(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat());
  return made;
}

/**
 * The element of this id, which the page must have.
 * @returns {any}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page must have an element with the id ${id}`);
  return found;
}

/** Set the text of an element, touching the page only if it changes. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * A table with a heading row; each row is an array of cells, the first one its header.
 * @param {(string | Node)[]} headings
 * @param {(string | Node)[][]} rows
 */
export function dataTable(headings, rows, attributes = {}) {
  const head = element("tr", {}, headings.map((text) => element("th", { scope: "col" }, text)));
  return element("table", { class: "data", ...attributes },
    element("thead", {}, head), element("tbody", {}, rows.map(dataRow)));
}

function dataRow([first, ...rest]) {
  return element("tr", {},
    element("th", { scope: "row" }, first), rest.map((cell) => element("td", {}, cell)));
}

/** A table in a box that scrolls sideways where it is too wide, also by keyboard. */
export function scrolling(table, label) {
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, table);
}
