// The histogram: bars by level, one upon the other; a stretch that is drawn over becomes the window.
import { colour, plainAxis, plotting, tick } from "../plotting.js";
import { text } from "./fetching.js";

const KINDS = ["error", "warn", "info", "debug", "other"];
/** @type {Record<string, string>} */
const WORDS = { error: "error", warn: "warning", info: "info", debug: "debug", other: "without level" };

/** @typedef {{ interval: number, start: number, end: number, total: number, starts: number[], counts: Record<string, number[]> }} Drawing */

export class Histogram {
  /** @param {HTMLElement} view @param {(address: string) => void} go */
  constructor(view, go) {
    this.view = view;
    this.go = go;
    this.box = /** @type {HTMLElement} */ (view.querySelector("#plot"));
    this.readout = /** @type {HTMLElement} */ (view.querySelector("#readout"));
    this.count = /** @type {HTMLElement} */ (view.querySelector("#count"));
    this.gone = new AbortController();
    /** @type {uPlot | null} */
    this.plot = null;
    /** @type {Drawing | null} */
    this.drawing = null;
    this.watcher = new ResizeObserver(() => this.plot?.setSize(this.size));
    this.watcher.observe(this.box);
    document.addEventListener("themechange", () => this.draw(), { signal: this.gone.signal });
  }

  stop() {
    this.gone.abort();
    this.watcher.disconnect();
    this.plot?.destroy();
  }

  get size() { return { width: Math.max(120, this.box.clientWidth), height: this.box.clientHeight }; }

  /** @param {string} address of the search */
  async load(address) {
    try {
      const [told] = await Promise.all([text(`histogram${address}`, this.gone.signal), plotting()]);
      if (this.gone.signal.aborted) return;
      this.drawing = JSON.parse(told);
    } catch {
      if (!this.gone.signal.aborted) this.readout.textContent = "The histogram could not be fetched.";
      return;
    }
    this.draw();
  }

  draw() {
    const drawing = this.drawing;
    if (!drawing) return;
    this.tell(null);
    this.count.textContent = `${drawing.total.toLocaleString("en")} line${drawing.total === 1 ? "" : "s"}`;
    const errors = sum(drawing.counts.error ?? []);
    this.box.setAttribute("aria-label", `Lines over time: ${drawing.total.toLocaleString("en")}, of which ${errors.toLocaleString("en")} are errors`);
    const data = /** @type {uPlot.AlignedData} */ ([drawing.starts, ...stacked(drawing.counts).reverse()]);
    this.plot?.destroy();
    this.plot = new uPlot(this.options(drawing), data, this.box);
  }

  /** @param {Drawing} drawing @returns {uPlot.Options} */
  options(drawing) {
    /** @type {Record<string, string>} */
    const colours = { error: colour("--error"), warn: colour("--bar-warn"), info: colour("--bar-info"), debug: colour("--bar-debug"), other: colour("--bar-other") };
    const bars = uPlot.paths.bars?.({ size: [0.86, 60], align: 1 });
    const zone = this.view.dataset.zone ?? "UTC";
    const axis = plainAxis();
    return {
      ...this.size,
      legend: { show: false },
      padding: [4, 16, 0, 0],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      scales: {
        x: { range: () => [drawing.start / 1000, Math.max(drawing.end, drawing.start + 1) / 1000] },
        y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.05)] },
      },
      axes: [
        { ...axis, size: 20, gap: 2, space: 80, values: (_plot, seconds, _axis, _space, step) => seconds.map((at) => tick(at, step, zone)) },
        { ...axis, size: 44, gap: 2, space: 24, grid: { show: true, stroke: colour("--line"), width: 1 }, values: (_plot, values) => values.map(short) },
      ],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false, dist: 4 } },
      series: [{}, ...KINDS.toReversed().map((kind) => ({ fill: colours[kind], width: 0, paths: bars, points: { show: false } }))],
      hooks: {
        setCursor: [(plot) => this.tell(plot.cursor.idx ?? null)],
        setSelect: [(plot) => this.zoom(plot)],
      },
    };
  }

  /** @param {uPlot} plot */
  zoom(plot) {
    if (plot.select.width < 4) return;
    const start = Math.round(plot.posToVal(plot.select.left, "x") * 1000);
    const end = Math.round(plot.posToVal(plot.select.left + plot.select.width, "x") * 1000);
    const params = new URLSearchParams(this.view.dataset.address);
    for (const name of ["last", "line", "live"]) params.delete(name);
    params.set("from", String(Math.max(0, start)));
    params.set("to", String(Math.max(0, end)));
    this.go(`?${params}`);
  }

  /** What the bar under the pointer says.
   * @param {number | null} at */
  tell(at) {
    const drawing = this.drawing;
    const start = at === null ? undefined : drawing?.starts[at];
    if (!drawing || at === null || start === undefined) {
      this.readout.textContent = drawing ? `Bars of ${duration(drawing.interval)}. Draw over a stretch to look closer.` : "";
      return;
    }
    const zone = this.view.dataset.zone;
    const when = new Date(start * 1000).toLocaleString("en-GB", { timeZone: zone, dateStyle: "medium", timeStyle: "medium" });
    const parts = KINDS.filter((kind) => drawing.counts[kind]?.[at]).map((kind) => `${drawing.counts[kind]?.[at]?.toLocaleString("en")} ${WORDS[kind]}`);
    this.readout.textContent = `${when} · ${parts.join(" · ") || "nothing"}`;
  }
}

/** Each kind upon those before it.
 * @param {Record<string, number[]>} counts @returns {number[][]} */
function stacked(counts) {
  /** @type {number[][]} */
  const found = [];
  for (const kind of KINDS) {
    const below = found.at(-1);
    found.push((counts[kind] ?? []).map((count, at) => count + (below?.[at] ?? 0)));
  }
  return found;
}

/** @param {number[]} counts */
const sum = (counts) => counts.reduce((all, one) => all + one, 0);
const shortNumbers = new Intl.NumberFormat("en", { notation: "compact" });
/** @param {number} count */
const short = (count) => (Number.isInteger(count) ? shortNumbers.format(count) : "");

/** @param {number} milliseconds */
function duration(milliseconds) {
  /** @type {[number, string][]} */
  const units = [[86_400_000, "day"], [3_600_000, "hour"], [60_000, "minute"], [1000, "second"], [1, "millisecond"]];
  const [size, word] = units.find(([length]) => milliseconds >= length && milliseconds % length === 0) ?? [1, "millisecond"];
  const count = milliseconds / size;
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
