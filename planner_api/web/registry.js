// The pages of the registry: plans, devices, models, importance tables and runs, and each of them.

import { getJson, ServerGoneError } from "./client.js";
import { Connection } from "./connection.js";
import { byId, element, setText } from "./dom.js";
import { LISTS } from "./registry_lists.js";
import { DETAILS } from "./registry_details.js";
import { shortDigest } from "./units.js";

const PAGE_SIZE = 50;
const query = new URLSearchParams(location.search);
const kind = LISTS[query.get("kind")] ? query.get("kind") : "plans";
const connection = new Connection(() => location.reload());

async function render() {
  markPage();
  try {
    const reference = query.get("id");
    await (reference ? renderOne(reference) : renderList());
  } catch (error) {
    if (error instanceof ServerGoneError) connection.lost();
    else setText(byId("problem"), error.message);
  }
  byId("content").removeAttribute("aria-busy");
}

function markPage() {
  const link = document.querySelector(`nav a[href$="kind=${kind}"]`);
  link?.setAttribute("aria-current", "page");
}

async function renderList() {
  const { title, about, path, paged, table } = LISTS[kind];
  entitle(title, about);
  const before = query.get("before");
  const range = paged ? `?limit=${PAGE_SIZE}${before ? `&before=${Number(before)}` : ""}` : "";
  const page = await getJson(`${path}${range}`);
  const content = page.items.length ? table(page.items)
    : element("p", { class: "card none" }, `No ${title.toLowerCase()} yet.`);
  byId("content").replaceChildren(content, ...pageLinks(page.next, before));
}

function pageLinks(next, before) {
  const links = [
    before && element("a", { href: `?kind=${kind}` }, "Newest"),
    next && element("a", { href: `?kind=${kind}&before=${next}`, rel: "next" }, "Older"),
  ].filter(Boolean);
  return links.length ? [element("nav", { class: "pages", "aria-label": "Pages of the list" }, links)] : [];
}

async function renderOne(reference) {
  const { title, show } = DETAILS[kind];
  entitle(`${title} ${shortReference(reference)}`, "");
  byId("content").replaceChildren(...await show(reference));
}

const shortReference = (reference) =>
  (reference.startsWith("sha256:") ? shortDigest(reference) : reference);

function entitle(title, about) {
  setText(byId("title"), title);
  setText(byId("about"), about);
  document.title = `${title} – Shardstream`;
}

render();
