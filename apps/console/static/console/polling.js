// Parts that are fetched again and again, by htmx: not while nobody looks on, and at once when somebody does again.
import { tellBack, tellOutage } from "./outage.js";

/** @typedef {{ ctx?: { response?: { status: number } } }} Detail */

document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const part of document.querySelectorAll("[hx-trigger^='every']")) part.dispatchEvent(new CustomEvent("every"));
});
document.addEventListener("htmx:after:request", (event) => {
  const status = /** @type {CustomEvent<Detail>} */ (event).detail.ctx?.response?.status ?? 0;
  if (status >= 500) tell();
  else tellBack();
  // What the page shows is not there any more, or not for this person: the page as a whole says so.
  if (status >= 400 && status < 500 && status !== 401) location.reload();
});
document.addEventListener("htmx:error", () => tell());

function tell() {
  tellOutage("The service does not answer. You see what was last heard; it goes on by itself.");
}
