// Parts of the page, fetched from its own address.

export class Refusal extends Error {}

/** The page below which all parts are. */
export function base() {
  return document.getElementById("main")?.dataset.base ?? location.pathname;
}

/** Of a page's part; who is not logged in any more is sent to where they can.
 * @param {string} path below the page @param {AbortSignal} [signal] */
export async function part(path, signal) {
  const answer = await fetch(base() + path, { signal, headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (answer.status === 401) location.assign(answer.headers.get("HX-Redirect") ?? "/login");
  return answer;
}

/** A part's text. Raises Refusal with words for people.
 * @param {string} path @param {AbortSignal} [signal] */
export async function text(path, signal) {
  return (await whole(path, signal)).text();
}

/** Rows, and whether there are more behind them.
 * @param {string} path @param {AbortSignal} signal */
export async function more(path, signal) {
  const answer = await whole(path, signal);
  return { html: await answer.text(), hasMore: answer.headers.get("X-Has-More") === "1" };
}

/** @param {string} path @param {AbortSignal} [signal] */
async function whole(path, signal) {
  const answer = await part(path, signal);
  if (!answer.ok) throw new Refusal(`This part could not be fetched (${answer.status}).`);
  return answer;
}

/** Server-made HTML, in which all foreign text is escaped.
 * @param {string} html @returns {DocumentFragment} */
export function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

/** What is said where a fetch failed.
 * @param {unknown} error */
export function inWords(error) {
  return error instanceof Refusal ? error.message : "The service does not answer. Is it running?";
}
