// One stream's page: what the address says is shown; what is clicked becomes the address.
import { announce, isZoneNew, write } from "../console.js";
import { bind } from "../keyboard.js";
import { Completion } from "./completion.js";
import { tellBack, tellOutage } from "../outage.js";
import { Refusal, inWords, part, parsed, text } from "./fetching.js";
import { Histogram } from "./histogram.js";
import { Live } from "./live.js";
import { Table } from "./table.js";

const LIVE_HISTOGRAM = 5000; // milliseconds

const root = /** @type {HTMLElement} */ (document.getElementById("explore"));
const openFacets = new Set(/** @type {string[]} */ ([]));
const closedFacets = new Set(/** @type {string[]} */ ([]));
/** @type {{ view: HTMLElement, table: Table, histogram: Histogram, completion: Completion, live: Live | null, gone: AbortController }} */
let now;
let going = new AbortController();

function start() {
  const view = /** @type {HTMLElement} */ (document.getElementById("view"));
  const table = new Table(view, (row) => void showLine(row));
  const histogram = new Histogram(view, (address) => void go(address));
  const live = view.dataset.live === "1" ? new Live(view, table, () => void go(location.search, { push: false })) : null;
  now = { view, table, histogram, completion: new Completion(view), live, gone: new AbortController() };
  if (live) whileSeen(() => void histogram.load(view.dataset.address ?? ""), now.gone.signal);
  for (const facet of view.querySelectorAll("details.facet")) keepOpen(/** @type {HTMLDetailsElement} */ (facet));
  if (matchMedia("(max-width: 760px)").matches) view.querySelector(".drawer")?.removeAttribute("open");
  afterPaint(() => {
    if (now.view !== view) return;
    if (!view.querySelector("#error")) void histogram.load(view.dataset.frozen ?? "");
    fillOpen(view);
  });
}

/** Lines first: whoever waits for them shall not wait for what is counted, too.
 * @param {() => void} act */
function afterPaint(act) {
  requestAnimationFrame(() => setTimeout(act));
}

function stop() {
  now.table.stop();
  now.histogram.stop();
  now.completion.stop();
  now.live?.stop();
  now.gone.abort();
}

/** Again and again, but not while nobody looks on; and at once when somebody does again.
 * @param {() => void} act @param {AbortSignal} signal */
function whileSeen(act, signal) {
  const seen = () => { if (!document.hidden) act(); };
  const timer = setInterval(seen, LIVE_HISTOGRAM);
  signal.addEventListener("abort", () => clearInterval(timer));
  document.addEventListener("visibilitychange", seen, { signal });
}

/** Facets are fetched when they are seen; which are open outlives the search.
 * @param {HTMLDetailsElement} facet */
function keepOpen(facet) {
  const name = facet.dataset.facet ?? "";
  if (openFacets.has(name)) facet.open = true;
  if (closedFacets.has(name)) facet.open = false;
  facet.addEventListener("toggle", () => {
    (facet.open ? openFacets : closedFacets).add(name);
    (facet.open ? closedFacets : openFacets).delete(name);
    fillOpen(facet);
  });
}

/** @param {HTMLElement} within */
function fillOpen(within) {
  for (const target of within.querySelectorAll("details[open] > [data-src]")) {
    if (target instanceof HTMLElement && target.offsetParent) void fill(target);
  }
}

/** @param {HTMLElement} target */
async function fill(target) {
  const source = target.dataset.src ?? "";
  delete target.dataset.src;
  target.removeAttribute("data-src");
  const below = source.slice(document.getElementById("main")?.dataset.base?.length ?? 0);
  const { signal } = going; // of what another search does not want any more
  try {
    target.replaceChildren(parsed(await text(below, signal)));
  } catch (error) {
    if (!signal.aborted) target.textContent = inWords(error);
  }
}

/** Show another search.
 * @param {string} address with its `?` @param {{ push?: boolean }} [how] */
async function go(address, { push = true } = {}) {
  going.abort();
  going = new AbortController();
  root.classList.add("loading");
  let html = "";
  try {
    const answer = await part(address, going.signal);
    if (answer.status >= 500) throw new Refusal("The service cannot answer at the moment.");
    if (!answer.ok && answer.status !== 422) return void location.assign(address);
    html = await answer.text();
  } catch (error) {
    if (going.signal.aborted) return;
    root.classList.remove("loading");
    tellOutage(`${inWords(error)} You see what was there before.`, () => void go(address, { push }));
    return;
  }
  tellBack();
  const focused = document.activeElement?.id;
  stop();
  root.replaceChildren(parsed(html));
  root.classList.remove("loading");
  const found = document.getElementById("view")?.dataset.address ?? address;
  const shown = document.querySelector("#error") ? address : found;
  if (push && shown !== location.search) history.pushState({}, "", shown);
  else history.replaceState({}, "", shown);
  start();
  const again = focused ? document.getElementById(focused) : null;
  if (again && root.contains(again)) again.focus({ preventScroll: true });
  document.dispatchEvent(new Event("explored"));
}

/** @param {HTMLElement} row */
async function showLine(row) {
  const detail = /** @type {HTMLElement} */ (document.getElementById("detail"));
  const id = row.dataset.id ?? "";
  now.table.choose(row);
  setLine(id);
  try {
    detail.replaceChildren(parsed(await text(`lines/${id}${location.search}`)));
  } catch (error) {
    detail.textContent = inWords(error);
  }
  detail.hidden = false;
  detail.scrollTop = 0;
  now.view.classList.add("with-detail");
}

function closeLine() {
  const detail = document.getElementById("detail");
  if (!detail || detail.hidden) return false;
  const hadFocus = detail.contains(document.activeElement) || document.activeElement === document.body;
  detail.hidden = true;
  now.view.classList.remove("with-detail");
  const row = now.table.chosen;
  now.table.choose(null);
  setLine("");
  if (row && hadFocus) now.table.focus(row);
  return true;
}

/** The open line is part of the address, but no step back.
 * @param {string} id */
function setLine(id) {
  const params = new URLSearchParams(location.search);
  if (id) params.set("line", id);
  else params.delete("line");
  history.replaceState({}, "", `?${params}`);
}

/** @param {HTMLFormElement} form */
function addressOf(form) {
  const params = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string") params.append(name, value);
  return `?${params}`;
}

/** @param {HTMLElement} button */
async function copyLink(button) {
  const link = new URL(button.dataset.copyLink || now.view.dataset.fixed || location.search, location.href).href;
  const label = button.querySelector("span");
  const words = label?.textContent ?? "";
  const done = await write(link);
  announce(done ? "Copied" : "Take it from the address bar");
  if (label && done) label.textContent = "Copied";
  setTimeout(() => { if (label) label.textContent = words; }, 1500);
}

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target.closest("a[data-go], [data-copy-link], [data-close-detail]") : null;
  if (!(target instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if (target instanceof HTMLAnchorElement && target.dataset.go !== undefined) void go(target.search || "?");
  else if (target.dataset.copyLink !== undefined) void copyLink(target);
  else closeLine();
});
document.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!(event.target instanceof Element) || !event.target.closest("#lines")) return;
  event.preventDefault();
  move(step);
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.dataset.go === undefined) return;
  event.preventDefault();
  now.completion.close();
  void go(addressOf(form));
});
document.addEventListener("toggle", (event) => {
  if (event.target instanceof HTMLElement && event.target.dataset.lazy !== undefined) fillOpen(event.target);
  if (event.target instanceof HTMLDetailsElement && event.target.classList.contains("drawer")) fillOpen(event.target);
}, true);
document.addEventListener("input", (event) => {
  const field = event.target;
  if (!(field instanceof HTMLInputElement) || field.name !== "field") return;
  const option = [...document.querySelectorAll("#fields option")].find((one) => one.getAttribute("value") === field.value);
  const allowed = option?.getAttribute("data-operators")?.split(" ");
  for (const one of document.querySelectorAll("#add-filter select option")) {
    if (one instanceof HTMLOptionElement) one.hidden = one.disabled = Boolean(allowed && !allowed.includes(one.value));
  }
});
addEventListener("popstate", () => void go(location.search, { push: false }));

/** @param {string} id */
const press = (id) => document.getElementById(id)?.click();
const query = () => /** @type {HTMLInputElement | null} */ (document.getElementById("query"));
/** @param {number} step */
function move(step) {
  const row = now.table.move(step);
  if (row && !document.getElementById("detail")?.hidden) void showLine(row);
}

bind("/", "Search", () => { query()?.focus(); query()?.select(); });
bind("j", "The next line", () => move(1));
bind("k", "The line before", () => move(-1));
bind("Enter", "Open the line", () => {
  if (document.activeElement instanceof HTMLElement && document.activeElement.matches("a, button, summary, input")) return document.activeElement.click();
  const row = now.table.current;
  if (row) void showLine(row);
});
bind("f", "Follow, or stop following", () => press("live"));
bind("p", "Pause, or go on", () => press("pause"));
bind("n", "To the new lines", () => now.live?.catchUp());
bind("r", "Look again", () => press("refresh"));
bind("w", "Wrap lines", () => press("wrap"));
bind("c", "Compact rows", () => press("compact"));
bind("t", "Choose the time", () => {
  const menu = document.getElementById("window");
  menu?.setAttribute("open", "");
  menu?.querySelector("a")?.focus();
});
bind("-", "Twice as much time", () => press("wider"));
bind("Escape", "Close what is open", () => { if (!closeLine()) now.table.scroller.focus(); });

function isShownElsewhere() {
  return !now.view.dataset.ownZone && now.view.dataset.zone !== Intl.DateTimeFormat().resolvedOptions().timeZone;
}

start();
if (isZoneNew && isShownElsewhere()) void go(location.search, { push: false });
