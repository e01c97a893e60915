// Keys: who wants one binds it here, and the help dialog lists them all.

/** @typedef {{ keys: string, what: string, act: (event: KeyboardEvent) => void }} Binding */

/** @type {Binding[]} */
const bindings = [];
let before = ""; // the first of two keys, for a moment

/**
 * @param {string} keys one key as `event.key` has it, or two with a blank between ("g s")
 * @param {string} what in the help dialog; "" keeps it out of there
 * @param {(event: KeyboardEvent) => void} act
 */
export function bind(keys, what, act) {
  bindings.push({ keys, what, act });
}

/** Whether the key belongs to what somebody types in.
 * @param {EventTarget | null} target */
export function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button", "submit"].includes(target.type);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "Shift") return;
  if (document.querySelector("dialog:modal")) return; // it has the keyboard to itself
  const pressed = before ? `${before} ${event.key}` : event.key;
  const found = bindings.findLast((one) => one.keys === pressed);
  before = "";
  if (found) {
    event.preventDefault();
    found.act(event);
  } else if (bindings.some((one) => one.keys.startsWith(`${event.key} `))) {
    before = event.key;
    setTimeout(() => { before = ""; }, 1200);
  }
}

/** The list of the help dialog.
 * @param {HTMLElement} list */
export function describe(list) {
  list.replaceChildren();
  for (const { keys, what } of bindings) {
    if (!what) continue;
    const term = document.createElement("dt");
    for (const key of keys.split(" ")) {
      const shown = document.createElement("kbd");
      shown.textContent = key;
      term.append(shown, " ");
    }
    const told = document.createElement("dd");
    told.textContent = what;
    list.append(term, told);
  }
}

document.addEventListener("keydown", onKey);
