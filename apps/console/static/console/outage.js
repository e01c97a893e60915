// When the service does not answer: what is there stays, it is said, and it goes on by itself as soon as it can.

const AGAIN = 3000; // milliseconds

/** @type {HTMLElement | null} */
let bar = null;

/** Say so above the page.
 * @param {string} text @param {() => void} [again] for who does not ask by itself */
export function tellOutage(text, again) {
  if (!bar) {
    bar = document.createElement("div");
    bar.className = "outage";
    bar.setAttribute("role", "alert");
    document.body.append(bar);
  }
  const words = document.createElement("p");
  words.textContent = text;
  bar.replaceChildren(words);
  if (!again) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small";
  button.textContent = "Try again";
  button.addEventListener("click", again);
  bar.append(button);
}

export function tellBack() {
  bar?.remove();
  bar = null;
}

/** On a page that only says that the service is out of reach: back to what was wanted, once it is there. */
async function comeBack() {
  const link = document.querySelector("a[data-again]");
  if (!(link instanceof HTMLAnchorElement)) return;
  if (!document.hidden) {
    const answer = await fetch("/readyz").catch(() => null);
    if (answer?.ok) return location.replace(link.href);
  }
  setTimeout(() => void comeBack(), AGAIN);
}

setTimeout(() => void comeBack(), AGAIN);
