// The tail in the same table: new rows on top, a count of them while one looks elsewhere.
import { base, part } from "./fetching.js";
import { Table } from "./table.js";

// Of the rows that come many at a time no more are made than can be seen at once; who scrolls down finds the others.
const MOST_ROWS = 100;
const EVERY = 200; // milliseconds between two changes of the table: no more often than one can read

export class Live {
  /** @param {HTMLElement} view @param {Table} table @param {() => void} again fetches the whole view anew */
  constructor(view, table, again) {
    this.table = table;
    this.again = again;
    this.news = /** @type {HTMLButtonElement} */ (view.querySelector("#news"));
    this.pauseButton = /** @type {HTMLButtonElement} */ (view.querySelector("#pause"));
    this.isPaused = false;
    /** @type {string[]} rows as HTML, oldest first */
    this.pending = [];
    this.count = 0; // of events that are not in the table, also those of which only the number is left
    this.timer = 0;
    this.gone = new AbortController();
    const address = `live${view.dataset.address}&after=${view.dataset.place}`;
    this.source = new EventSource(base() + address);
    this.source.addEventListener("message", (event) => this.take(String(event.data)));
    this.source.addEventListener("gap", (event) => this.tellGap(JSON.parse(event.data)));
    this.source.addEventListener("end", (event) => this.tellEnd(JSON.parse(event.data).message));
    this.source.addEventListener("error", () => { if (this.source.readyState === EventSource.CLOSED) void this.tellRefusal(address); });
    this.pauseButton.hidden = false;
    const options = { signal: this.gone.signal };
    this.pauseButton.addEventListener("click", () => this.pause(!this.isPaused), options);
    this.news.addEventListener("click", () => this.catchUp(), options);
    table.scroller.addEventListener("scroll", () => { if (table.isAtTop && this.count) this.soon(); }, { ...options, passive: true });
  }

  stop() {
    this.source.close();
    clearTimeout(this.timer);
    this.gone.abort();
  }

  /** @param {string} data a count, and a row in each further line */
  take(data) {
    const [count, ...rows] = data.split("\n");
    this.count += Number(count);
    this.pending.push(...rows);
    if (this.pending.length > MOST_ROWS) {
      for (const row of this.pending.splice(0, this.pending.length - MOST_ROWS)) this.leaveOut(row);
    }
    this.soon();
  }

  /** A row that nobody will see on its way; who scrolls down finds it.
   * @param {string} html */
  leaveOut(html) {
    const found = /data-id="(\d+)" data-at="(\d+)"/.exec(html);
    if (found) this.left = { id: found[1] ?? "0", at: Number(found[2]) };
  }

  soon() {
    if (!this.timer) this.timer = window.setTimeout(() => { this.timer = 0; this.show(); }, EVERY);
  }

  /** Put what has come into the table, if its top is what is looked at. */
  show() {
    if (this.isPaused || !this.table.isAtTop || this.table.hasNewer) {
      this.tellCount();
      return;
    }
    if (!this.table.body) return this.again(); // the table was empty: the server makes its head
    const rows = this.table.fresh(this.pending.join("")).reverse();
    if (this.left || rows.length >= MOST_ROWS) {
      for (const row of this.table.rows) row.remove();
      if (this.left) this.table.notePushedOut(this.left);
    }
    this.table.prepend(rows, MOST_ROWS);
    this.pending = [];
    this.left = undefined;
    this.count = 0;
    this.tellCount();
  }

  /** @param {boolean} isPaused */
  pause(isPaused) {
    this.isPaused = isPaused;
    this.pauseButton.setAttribute("aria-pressed", String(isPaused));
    if (!isPaused) this.catchUp();
    this.tellCount();
  }

  catchUp() {
    this.isPaused = false;
    this.pauseButton.setAttribute("aria-pressed", "false");
    if (this.table.hasNewer) {
      this.again();
      return;
    }
    this.table.scroller.scrollTop = 0;
    this.show();
  }

  tellCount() {
    this.news.hidden = !this.count;
    const text = `${this.count.toLocaleString("en")} new line${this.count === 1 ? "" : "s"}`;
    if (this.count && this.news.textContent !== text) this.news.textContent = text;
  }

  /** @param {{ restored: boolean, missing: number }} gap */
  tellGap(gap) {
    this.tellNote(gap.restored
      ? "The database was restored: some lines before this may have gone, others come again."
      : `${gap.missing.toLocaleString("en")} lines were deleted before they could be shown.`);
  }

  /** @param {string} message */
  tellEnd(message) {
    this.source.close();
    this.tellNote(message);
  }

  /** An EventSource does not say why it was refused.
   * @param {string} address */
  async tellRefusal(address) {
    const answer = await part(address, AbortSignal.timeout(5000)).catch(() => null);
    if (answer?.ok) return this.again();
    const problem = await answer?.json().catch(() => null);
    this.tellEnd(problem?.message ?? "The service does not answer. Look again in a moment.");
  }

  /** @param {string} text */
  tellNote(text) {
    const row = document.createElement("tr");
    row.className = "gap";
    const cell = row.insertCell();
    cell.colSpan = 20;
    cell.textContent = text;
    this.table.body?.prepend(row);
  }
}
