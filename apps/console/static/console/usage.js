// Usage by the day: bars, with the day's figure under the pointer. The table below them has all of it in words.
import { colour, plainAxis, plotting, tick } from "./plotting.js";

/** @typedef {{ days: number[], counts: number[], told: string[] }} Told */

/** @param {HTMLElement} figure */
async function draw(figure) {
  const box = /** @type {HTMLElement} */ (figure.querySelector("[data-plot]"));
  /** @type {Told} */
  const { days, counts, told } = JSON.parse(box.dataset.plot ?? "{}");
  const Plot = await plotting();
  const readout = /** @type {HTMLElement} */ (figure.querySelector(".readout"));
  const said = readout.textContent;
  const size = () => ({ width: box.clientWidth, height: box.clientHeight });
  const bars = Plot.paths.bars?.({ size: [0.8, 40] });
  /** @returns {uPlot.Options} */
  const options = () => ({
    ...size(),
    legend: { show: false },
    padding: [6, 10, 0, 0],
    tzDate: (seconds) => Plot.tzDate(new Date(seconds * 1000), "UTC"),
    scales: {
      x: { range: (_plot, low, high) => [low - 43_200, high + 43_200] },
      y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.05)] },
    },
    axes: [
      { ...plainAxis(), size: 22, gap: 4, space: 56, incrs: [1, 2, 5, 7, 14].map((count) => count * 86_400), values: (_plot, seconds) => seconds.map((at) => tick(at, 86_400, "UTC")) },
      { ...plainAxis(), size: 52, gap: 4, space: 30, grid: { show: true, stroke: colour("--line"), width: 1 }, values: (_plot, values) => values.map(short) },
    ],
    cursor: { y: false, points: { show: false }, drag: { setScale: false } },
    series: [{}, { fill: colour("--accent-fill"), width: 0, paths: bars, points: { show: false } }],
    hooks: { setCursor: [(plot) => { readout.textContent = told[plot.cursor.idx ?? -1] ?? said; }] },
  });
  const short = (/** @type {number} */ count) => (Number.isInteger(count) ? new Intl.NumberFormat("en", { notation: "compact" }).format(count) : "");
  let plot = new Plot(options(), [days, counts], box);
  new ResizeObserver(() => plot.setSize(size())).observe(box);
  document.addEventListener("themechange", () => {
    plot.destroy();
    plot = new Plot(options(), [days, counts], box);
  });
}

for (const figure of document.querySelectorAll("figure.plot")) void draw(/** @type {HTMLElement} */ (figure));
