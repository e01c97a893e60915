// The table of lines: at most 300 rows of however many, scrolled both ways, walked by keys.
import { inWords, more, parsed } from "./fetching.js";

const MOST_ROWS = 300;
const NEAR = 700; // pixels from an end at which more is fetched

/** A row's place in time. @typedef {{ at: number, id: string }} Place */

/** @param {Element} row @returns {Place} */
const placeOf = (row) => ({ at: Number(/** @type {HTMLElement} */ (row).dataset.at), id: /** @type {HTMLElement} */ (row).dataset.id ?? "0" });
/** @param {Place} a @param {Place} b */
const isLater = (a, b) => a.at > b.at || (a.at === b.at && BigInt(a.id) > BigInt(b.id));

export class Table {
  /** @param {HTMLElement} view @param {(row: HTMLElement) => void} open */
  constructor(view, open) {
    // While it follows, the time that is looked at goes on.
    this.address = (view.dataset.live === "1" ? view.dataset.address : view.dataset.frozen) ?? "";
    this.hasOlder = view.dataset.older === "1";
    this.hasNewer = view.dataset.newer === "1";
    this.scroller = /** @type {HTMLElement} */ (view.querySelector("#lines"));
    this.body = view.querySelector("#rows");
    this.edge = view.querySelector("#edge");
    /** The newest of the rows that a tail pushed out. @type {Place | null} */
    this.pushedOut = null;
    this.isLoading = false;
    this.gone = new AbortController();
    const options = { signal: this.gone.signal, passive: true };
    this.scroller.addEventListener("scroll", () => this.fill(), options);
    this.scroller.addEventListener("click", (event) => {
      const row = event.target instanceof Element ? event.target.closest("#rows > tr[data-id]") : null;
      if (!(row instanceof HTMLElement) || String(getSelection())) return;
      this.focus(row);
      open(row);
    }, options);
    this.rows[0]?.setAttribute("tabindex", "0");
    const chosen = this.chosen;
    if (chosen) chosen.scrollIntoView({ block: "center" });
    this.told();
    requestAnimationFrame(() => this.fill());
  }

  stop() { this.gone.abort(); }

  /** @returns {HTMLElement[]} */
  get rows() { return /** @type {HTMLElement[]} */ ([...(this.body?.children ?? [])]); }
  get isAtTop() { return this.scroller.scrollTop < 4; }
  get chosen() { return this.rows.find((row) => row.getAttribute("aria-selected") === "true"); }

  /** Fetch more where an end is near. */
  fill() {
    if (!this.body || this.isLoading || this.gone.signal.aborted) return;
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    if (this.hasNewer && scrollTop < NEAR) void this.load("newer");
    else if (this.hasOlder && scrollHeight - scrollTop - clientHeight < NEAR) void this.load("older");
  }

  /** @param {"older" | "newer"} way */
  async load(way) {
    const place = way === "older" ? this.olderThan() : this.rows[0] && placeOf(this.rows[0]);
    if (!place) return;
    this.isLoading = true;
    try {
      const { html, hasMore } = await more(`rows${this.address}&${way}=${place.at}-${place.id}`, this.gone.signal);
      const fresh = this.fresh(html);
      if (way === "older") {
        this.pushedOut = null;
        this.hasOlder = hasMore;
        this.keepingPlace(() => this.append(fresh));
      } else {
        this.hasNewer = hasMore;
        this.keepingPlace(() => this.prepend(fresh));
      }
      this.told();
    } catch (error) {
      if (!this.gone.signal.aborted && this.edge) this.edge.textContent = inWords(error);
      return;
    } finally {
      this.isLoading = false;
    }
    requestAnimationFrame(() => this.fill());
  }

  /** Where to go on below: a tail that ran may have pushed out rows that are later than the last one.
   * @returns {Place | undefined} */
  olderThan() {
    const last = this.rows.at(-1);
    const place = last && placeOf(last);
    if (!this.pushedOut || (place && isLater(place, this.pushedOut))) return place;
    return { at: this.pushedOut.at, id: String(BigInt(this.pushedOut.id) + 1n) };
  }

  /** The rows of an answer that are not there yet.
   * @param {string} html @returns {HTMLElement[]} */
  fresh(html) {
    const known = new Set(this.rows.map((row) => row.dataset.id));
    const found = /** @type {HTMLElement[]} */ ([...parsed(`<table><tbody>${html}</tbody></table>`).querySelectorAll("tr")]);
    return found.filter((row) => !known.has(row.dataset.id));
  }

  /** @param {HTMLElement[]} rows */
  append(rows) {
    this.body?.append(...rows);
    const extra = this.rows.slice(0, Math.max(0, this.rows.length - MOST_ROWS));
    if (extra.length) this.hasNewer = true;
    this.drop(extra);
  }

  /** @param {HTMLElement[]} rows newest first @param {number} [most] */
  prepend(rows, most = MOST_ROWS) {
    this.body?.prepend(...rows);
    const extra = this.rows.slice(most);
    for (const row of extra) this.notePushedOut(placeOf(row));
    this.drop(extra);
    this.told();
  }

  /** @param {Place} place */
  notePushedOut(place) {
    if (!this.pushedOut || isLater(place, this.pushedOut)) this.pushedOut = place;
    this.hasOlder = true;
  }

  /** @param {HTMLElement[]} rows */
  drop(rows) {
    const hadFocus = rows.some((row) => row === document.activeElement);
    for (const row of rows) row.remove();
    if (hadFocus) this.scroller.focus({ preventScroll: true });
    if (!this.body?.querySelector('tr[tabindex="0"]')) this.rows[0]?.setAttribute("tabindex", "0");
  }

  /** What somebody looks at stays where it is.
   * @param {() => void} change */
  keepingPlace(change) {
    const top = this.scroller.scrollTop;
    const anchor = this.rows.find((row) => row.offsetTop + row.offsetHeight > top) ?? this.rows[0];
    const before = anchor?.offsetTop ?? 0;
    change();
    if (anchor?.isConnected) this.scroller.scrollTop = top + anchor.offsetTop - before;
  }

  told() {
    if (!this.edge) return;
    this.edge.textContent = this.hasOlder ? "" : "No older lines in this time.";
  }

  /** @param {HTMLElement} row */
  focus(row) {
    for (const other of this.body?.querySelectorAll('tr[tabindex="0"]') ?? []) other.setAttribute("tabindex", "-1");
    row.setAttribute("tabindex", "0");
    row.focus({ preventScroll: true });
    const head = this.scroller.querySelector("thead")?.clientHeight ?? 0;
    const top = row.offsetTop - head;
    const bottom = row.offsetTop + row.offsetHeight - this.scroller.clientHeight;
    if (this.scroller.scrollTop > top) this.scroller.scrollTop = top;
    else if (this.scroller.scrollTop < bottom) this.scroller.scrollTop = bottom;
  }

  /** The row that has the focus, or had it. */
  get current() {
    const active = document.activeElement?.closest("#rows > tr");
    return /** @type {HTMLElement | null} */ (active ?? this.body?.querySelector('tr[tabindex="0"]') ?? null);
  }

  /** @param {number} step */
  move(step) {
    const rows = this.rows;
    const at = rows.findIndex((row) => row === document.activeElement);
    const next = at < 0 ? this.current : rows[Math.min(rows.length - 1, Math.max(0, at + step))];
    if (next) this.focus(next);
    return next;
  }

  /** @param {HTMLElement | null} row */
  choose(row) {
    this.chosen?.removeAttribute("aria-selected");
    row?.setAttribute("aria-selected", "true");
  }
}
