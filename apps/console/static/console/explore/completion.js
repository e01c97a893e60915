// What could stand where somebody types a query.
import { text } from "./fetching.js";

const PAUSE = 60; // milliseconds

/** @typedef {{ replace: number, offers: { text: string, note: string }[] }} Told */

export class Completion {
  /** @param {HTMLElement} view */
  constructor(view) {
    this.address = view.dataset.address ?? "";
    this.input = /** @type {HTMLInputElement} */ (view.querySelector("#query"));
    this.list = /** @type {HTMLElement} */ (view.querySelector("#offers"));
    this.timer = 0;
    /** @type {Told} */
    this.told = { replace: 0, offers: [] };
    this.at = -1;
    this.asking = new AbortController();
    this.gone = new AbortController();
    const options = { signal: this.gone.signal };
    this.input.addEventListener("input", () => this.soon(), options);
    this.input.addEventListener("keydown", (event) => this.onKey(event), options);
    this.input.addEventListener("blur", () => this.close(), options);
    this.list.addEventListener("pointerdown", (event) => {
      const item = event.target instanceof Element ? event.target.closest("li") : null;
      if (!item) return;
      event.preventDefault(); // the focus stays where it is
      this.take([...this.list.children].indexOf(item));
    }, options);
  }

  stop() {
    this.gone.abort();
    this.close();
  }

  get before() { return this.input.value.slice(0, this.input.selectionStart ?? undefined); }

  soon() {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.ask(), PAUSE);
  }

  async ask() {
    this.asking.abort();
    this.asking = new AbortController();
    const before = this.before;
    if (!before.trim()) return this.close();
    const params = new URLSearchParams(this.address);
    for (const name of ["query", "line", "live"]) params.delete(name);
    params.set("before", before);
    try {
      this.told = JSON.parse(await text(`completion?${params}`, this.asking.signal));
    } catch {
      return; // typed on meanwhile, or nobody answers: then without help
    }
    if (document.activeElement === this.input && this.before === before) this.show();
  }

  show() {
    this.list.replaceChildren(...this.told.offers.map((offer, at) => {
      const item = document.createElement("li");
      item.id = `offer-${at}`;
      item.role = "option";
      item.ariaSelected = "false";
      const words = document.createElement("span");
      words.textContent = offer.text.trim();
      const note = document.createElement("small");
      note.textContent = offer.note;
      item.append(words, note);
      return item;
    }));
    this.at = -1;
    this.list.hidden = !this.told.offers.length;
    this.input.ariaExpanded = String(!this.list.hidden);
    this.input.removeAttribute("aria-activedescendant");
  }

  close() {
    this.asking.abort();
    clearTimeout(this.timer);
    this.list.hidden = true;
    this.input.ariaExpanded = "false";
    this.input.removeAttribute("aria-activedescendant");
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.isComposing) return;
    if (this.list.hidden) {
      if (event.key === "ArrowDown") this.soon();
      if (event.key === "Escape") this.input.blur();
      return;
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") this.mark(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Tab" && !event.shiftKey) this.take(Math.max(0, this.at));
    else if (event.key === "Enter" && this.at >= 0) this.take(this.at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} step */
  mark(step) {
    const items = [...this.list.children];
    items[this.at]?.setAttribute("aria-selected", "false");
    this.at = (this.at + step + items.length + (this.at < 0 && step < 0 ? 1 : 0)) % items.length;
    const item = items[this.at];
    item?.setAttribute("aria-selected", "true");
    item?.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", item?.id ?? "");
  }

  /** @param {number} at */
  take(at) {
    const offer = this.told.offers[at];
    if (!offer) return;
    const caret = this.before.length;
    this.input.setRangeText(offer.text, caret - this.told.replace, caret, "end");
    this.close();
    if (offer.text.endsWith(":")) void this.ask();
  }
}
