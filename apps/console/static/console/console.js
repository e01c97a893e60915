// What every page does: menus, dialogs, copying, the colour scheme, times, keys.
import { bind, describe } from "./keyboard.js";
import "./outage.js";
import { tellTimes } from "./times.js";

/** For who hears the page.
 * @param {string} text */
export function announce(text) {
  const announcer = document.getElementById("announcer");
  if (announcer) announcer.textContent = text;
}

/** @param {HTMLElement} button it names what to copy by `data-copy="#id"` */
async function copy(button) {
  const source = document.querySelector(button.dataset.copy ?? "");
  if (!source) return;
  const text = source instanceof HTMLInputElement ? source.value : source.textContent ?? "";
  const done = await write(text);
  const label = button.querySelector("span");
  announce(done ? "Copied" : "Select the text and copy it yourself");
  if (!label || !done) return;
  const said = label.textContent;
  label.textContent = "Copied";
  setTimeout(() => { label.textContent = said; }, 1500);
}

/** The clipboard is there in secure contexts only; a bare install is reached over plain HTTP.
 * @param {string} text */
export async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** @param {string} id */
export function open(id) {
  const dialog = document.getElementById(id);
  if (!(dialog instanceof HTMLDialogElement) || dialog.open) return;
  const keys = dialog.querySelector("[data-keys]");
  if (keys instanceof HTMLElement) describe(keys);
  dialog.showModal();
}

function switchTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
  document.dispatchEvent(new Event("themechange"));
}

// What is drawn on a canvas has to be drawn again.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  document.dispatchEvent(new Event("themechange"));
});
document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const button = target?.closest("[data-copy], [data-opens], [data-theme-switch], [data-closes]");
  if (button instanceof HTMLElement) {
    if (button.dataset.copy) void copy(button);
    if (button.dataset.opens) open(button.dataset.opens);
    if (button.dataset.themeSwitch !== undefined) switchTheme();
    if (button.dataset.closes !== undefined) button.closest("dialog")?.close();
  }
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!target || !menu.contains(target)) menu.removeAttribute("open");
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    menu.removeAttribute("open");
    menu.querySelector("summary")?.focus();
  }
});

/** @param {string} path below the team's pages */
function goTo(path) {
  const streams = document.querySelector(".sections a");
  if (streams instanceof HTMLAnchorElement) location.assign(new URL(path, streams.href));
}

bind("?", "This help", () => open("help"));
bind("g s", "Go to the streams", () => goTo("./"));
bind("g l", "Go to what runs", () => goTo("../live/"));
bind("g t", "Go to the tokens", () => goTo("../settings/tokens/"));
bind("Escape", "Close what is open", () => {});

// On a narrow screen the page one is on may lie beyond the edge.
for (const tab of document.querySelectorAll(".tabs [aria-current], .side [aria-current]")) {
  tab.scrollIntoView({ block: "nearest", inline: "center" });
}
/** The server writes times in this browser's zone, which it learns by a cookie: on the way to where it needs it. */
function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (document.cookie.split("; ").includes(`zone=${zone}`)) return false;
  document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;
  return document.cookie.includes(zone);
}

export const isZoneNew = tellZone();
tellTimes();
setInterval(tellTimes, 1000);
document.addEventListener("htmx:after:swap", () => tellTimes());
