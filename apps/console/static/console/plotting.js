// Plots: the library, fetched by pages that draw and not before there is something to draw; its axes and colours.

/** @type {Promise<typeof uPlot> | undefined} */
let library;

/** The library, once. Raises where it cannot be fetched. */
export function plotting() {
  library ??= fetched().catch((error) => { library = undefined; throw error; });
  return library;
}

async function fetched() {
  await Promise.all([
    added(Object.assign(document.createElement("link"), { rel: "stylesheet", href: beside("vendor/uplot/uPlot-1.6.32.min.css") })),
    added(Object.assign(document.createElement("script"), { src: beside("vendor/uplot/uPlot-1.6.32.iife.min.js") })),
  ]);
  return uPlot;
}

/** @param {string} path */
const beside = (path) => new URL(path, import.meta.url).href;

/** @param {HTMLElement} element @returns {Promise<unknown>} */
function added(element) {
  return new Promise((resolve, reject) => {
    element.addEventListener("load", resolve);
    element.addEventListener("error", () => reject(new Error("a plot's file could not be fetched")));
    document.head.append(element);
  });
}

/** A colour of the style sheet as a canvas knows it, which has no light-dark().
 * @param {string} name of a custom property */
export function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** What axes have in common. @returns {uPlot.Axis} */
export const plainAxis = () => ({ stroke: colour("--quiet"), grid: { show: false }, ticks: { show: false }, font: "11px system-ui" });

/** A moment on an axis whose marks are so far apart.
 * @param {number} at @param {number} step both in seconds @param {string} zone */
export function tick(at, step, zone) {
  const date = uPlot.tzDate(new Date(at * 1000), zone);
  const isDayBegin = !date.getHours() && !date.getMinutes() && !date.getSeconds();
  const form = step >= 86_400 || (isDayBegin && step >= 60) ? "{D} {MMM}" : step >= 60 ? "{HH}:{mm}" : step >= 1 ? "{HH}:{mm}:{ss}" : "{ss}.{fff}";
  return uPlot.fmtDate(form)(date);
}
