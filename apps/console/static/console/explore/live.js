// The tail in the same table: new rows on top, a count of them while one looks elsewhere.
import { tellBack, tellOutage } from "../outage.js";
import { base, part } from "./fetching.js";
import { Table } from "./table.js";

// Of the rows that come many at a time no more are made than can be seen at once; who scrolls down finds the others.
const MOST_ROWS = 100;
const EVERY = 200; // milliseconds between two changes of the table: no more often than one can read
const AGAIN = 2000; // milliseconds until a service that did not answer is asked again
const LONG_AWAY = 20_000; // milliseconds; what came meanwhile may be too much to go through

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
    this.address = view.dataset.address ?? "";
    this.place = view.dataset.place ?? ""; // behind what has come
    this.isOver = false;
    this.leftAt = 0;
    /** @type {EventSource | undefined} */
    this.source = undefined;
    if (!document.hidden) this.connect();
    this.pauseButton.hidden = false;
    const options = { signal: this.gone.signal };
    document.addEventListener("visibilitychange", () => document.hidden ? this.leave() : this.comeBack(), options);
    this.pauseButton.addEventListener("click", () => this.pause(!this.isPaused), options);
    this.news.addEventListener("click", () => this.catchUp(), options);
    table.scroller.addEventListener("scroll", () => { if (table.isAtTop && this.count) this.soon(); }, { ...options, passive: true });
  }

  connect() {
    const address = `live${this.address}&after=${this.place}`;
    const source = this.source = new EventSource(base() + address);
    source.addEventListener("message", (event) => {
      this.place = event.lastEventId || this.place;
      this.take(String(event.data));
    });
    source.addEventListener("open", () => tellBack());
    source.addEventListener("gap", (event) => this.tellGap(JSON.parse(event.data)));
    source.addEventListener("end", (event) => this.tellEnd(JSON.parse(event.data)));
    source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) void this.tellRefusal(address); });
  }

  /** Nobody looks on: a tab in the background keeps neither the service busy nor one of the browser's connections. */
  leave() {
    this.source?.close();
    this.leftAt = Date.now();
  }

  comeBack() {
    if (this.isOver) return;
    const isAtTop = !this.isPaused && this.table.isAtTop && !this.table.hasNewer;
    if (isAtTop && Date.now() - this.leftAt > LONG_AWAY) this.again();
    else this.connect();
  }

  stop() {
    this.source?.close();
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

  /** @param {{ reason?: string, message: string }} end */
  tellEnd({ reason, message }) {
    if (reason === "server_stopping") return; // another takes its place, and the browser asks for it by itself
    this.source?.close();
    this.isOver = true;
    if (reason === "rights_ended") this.again(); // to the log-in, or to what may still be seen
    else this.tellNote(message);
  }

  /** An EventSource does not say why it was refused.
   * @param {string} address */
  async tellRefusal(address) {
    const answer = await part(address, AbortSignal.timeout(5000)).catch(() => null);
    if (this.gone.signal.aborted || document.hidden) return;
    if (answer?.ok) return this.again();
    if (answer && answer.status < 500) {
      const problem = await answer.json().catch(() => null);
      return this.tellEnd({ message: problem?.message ?? "This cannot be followed any more." });
    }
    tellOutage("The service does not answer. It is followed again as soon as it does.");
    setTimeout(() => { if (!this.gone.signal.aborted && !document.hidden) this.connect(); }, AGAIN);
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
