// Times in the reader's words: "3 min ago", and the whole of it as the title.

const words = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

/** @param {Date} at @param {number} now milliseconds */
export function relative(at, now) {
  const seconds = Math.round((at.getTime() - now) / 1000);
  if (Math.abs(seconds) < 5) return "just now";
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  // 179.99 days to go are 180; but what was 50 s ago was not a minute ago.
  return words.format(seconds > 0 ? Math.round(seconds / size) : Math.trunc(seconds / size), unit);
}

/** @param {ParentNode} [root] */
export function tellTimes(root = document) {
  const now = Date.now();
  for (const element of root.querySelectorAll("time[datetime]:not([data-exact])")) {
    const at = new Date(element.getAttribute("datetime") ?? "");
    if (Number.isNaN(at.getTime())) continue;
    const text = relative(at, now);
    if (element.textContent !== text) element.textContent = text;
    element.setAttribute("title", at.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "long" }));
  }
}
