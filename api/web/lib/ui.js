// The parts that screens are made of. Text always goes in as text, never as HTML.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { cell, useCell } from "./cell.js";
import { ago, dateOf, fullTime, time } from "./format.js";
import { t } from "./i18n.js";

const ICONS = {
  home: "M4 11 12 4l8 7v9h-5v-6H9v6H4z",
  visits: "M4 6h16M4 12h16M4 18h10",
  gate: "M4 20V8h4v12M8 10l12-3v3L8 13",
  mesh: "M4 6a2 2 0 1 0 4 0 2 2 0 1 0-4 0M16 6a2 2 0 1 0 4 0 2 2 0 1 0-4 0M10 18a2 2 0 1 0 4 0 2 2 0 1 0-4 0M8 6h8M7 8l4 8M17 8l-4 8",
  conflicts: "M12 4 2.5 20h19zM12 10v4M12 17h.01",
  lots: "M5 4h14v16H5zM9 16V8h3.5a2.5 2.5 0 0 1 0 5H9",
  cameras: "M3 7h11v10H3zM14 11l7-3v8l-7-3",
  people: "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6M3 19a6 6 0 0 1 12 0M16 6a3 3 0 0 1 0 5M18 19a6 6 0 0 0-2-4.5",
  cards: "M3 6h18v12H3zM3 10h18M7 15h4",
  tariff: "M12 3v18M16 7H10a2.5 2.5 0 0 0 0 5h4a2.5 2.5 0 0 1 0 5H8",
  accounts: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4 20a8 8 0 0 1 16 0",
  health: "M3 12h4l2-6 4 12 2-6h6",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13M20 20l-4.5-4.5",
  more: "M4 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0M11 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0M18 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0",
  close: "M6 6l12 12M18 6 6 18",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M9.5 9.5A2.5 2.5 0 1 1 13 11.8c-.7.4-1 .9-1 1.7M12 16.5h.01",
  auto: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  light: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5",
  leave: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${ICONS[name] ?? ICONS.more} /></svg>`;
}

export function Button({ kind = "plain", icon, children, busy, ...rest }) {
  return html`<button type="button" class=${`button ${kind}`} aria-busy=${busy ? "true" : null} disabled=${busy || rest.disabled} ...${rest}>
    ${icon && html`<${Icon} name=${icon} />`}${children}</button>`;
}

/** tone: good, warn, bad, info, quiet. The text says it too, so that colour is never alone. */
export const Badge = ({ tone = "quiet", children }) => html`<span class=${`badge ${tone}`}>${children}</span>`;

export function Card({ title, actions, children, tone }) {
  return html`<section class=${`card ${tone ?? ""}`}>
    ${(title || actions) && html`<header><h2>${title}</h2><div class="actions">${actions}</div></header>`}
    ${children}</section>`;
}

/** One of a few, as buttons that say which is pressed. options: [[value, label]]. */
export const Tabs = ({ label, value, options, onChange }) => html`<div class="tabs" role="group" aria-label=${label}>${options.map(([key, text]) => html`<button type="button" key=${key}
  aria-pressed=${value === key ? "true" : "false"} onClick=${() => onChange(key)}>${text}</button>`)}</div>`;

export function Stat({ label, value, hint, to, tone }) {
  const inside = html`<span class="stat-label">${label}</span><span class="stat-value">${value}</span>${hint && html`<span class="stat-hint">${hint}</span>`}`;
  return to ? html`<a class=${`stat ${tone ?? ""}`} href=${to}>${inside}</a>` : html`<div class=${`stat ${tone ?? ""}`}>${inside}</div>`;
}

/**
 * A plate as people read it; long or hostile text stays in its place. `translate` is a property of elements and so wants
 * a boolean: "no" would be true, and the browser would offer to translate plates.
 */
export const Plate = ({ text, big }) => html`<bdi class=${big ? "plate big" : "plate"} translate=${false}>${text || "–"}</bdi>`;

/** How old what is shown is; draws itself again every few seconds. */
export function Age({ at }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 5000);
    return () => clearInterval(timer);
  }, []);
  return at ? html`<span class="age">${t("age", { ago: ago(at) })}</span>` : null;
}

export const Time = ({ value, seconds }) => {
  const date = dateOf(value);
  return date ? html`<time datetime=${date.toISOString()} title=${fullTime(date)}>${time(value, { seconds })}</time>` : "–";
};

export const Loading = () => html`<p class="empty" aria-busy="true">${t("loading")}</p>`;

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

/** An error in words and what to do; beside data that are shown all the same. */
export const Fault = ({ error, retry }) =>
  error && html`<div class="fault" role="alert"><p><strong>${error.message}</strong>${error.hint && html`<span class="under">${error.hint}</span>`}</p>
    ${retry && html`<${Button} onClick=${retry}>${t("retry")}<//>`}</div>`;

/** What useData gave: waiting, failed without data, or `children(data)`; stale data are dimmed. */
export function Shown({ source, children }) {
  if (source.data === undefined) {
    return source.error ? html`<${Fault} error=${source.error} retry=${source.reload} />` : html`<${Loading} />`;
  }
  return html`<div class=${source.error ? "stale" : "fresh"}>
    ${source.error && html`<p class="stale-note" role="status">${t("stale", { time: time(source.at) })}</p>`}
    ${children(source.data)}</div>`;
}

/** A labelled control. `error` is tied to it for who listens instead of looking; `suggestions` are offered while one types. */
let fields = 0;
export function Field({ label, hint, error, children, suggestions, class: look = "", as = "input", ...rest }) {
  const id = useRef(null);
  id.current ??= `field-${++fields}`;
  if (suggestions) rest.list = `${id.current}-list`;
  const described = [hint && `${id.current}-hint`, error && `${id.current}-error`].filter(Boolean).join(" ") || null;
  const control = as === "select" ? html`<select id=${id.current} aria-describedby=${described} aria-invalid=${error ? "true" : null} ...${rest}>${children}</select>`
    : as === "textarea" ? html`<textarea id=${id.current} aria-describedby=${described} aria-invalid=${error ? "true" : null} ...${rest}></textarea>`
    : html`<input id=${id.current} aria-describedby=${described} aria-invalid=${error ? "true" : null} ...${rest} />`;
  return html`<div class=${`field ${look}`}><label for=${id.current}>${label}</label>${control}
    ${suggestions && html`<datalist id=${`${id.current}-list`}>${suggestions.map((one) => html`<option value=${one} />`)}</datalist>`}
    ${hint && html`<p id=${`${id.current}-hint`} class="hint">${hint}</p>`}
    ${error && html`<p id=${`${id.current}-error`} class="error">${error}</p>`}</div>`;
}

/**
 * A modal dialog of the browser: focus stays inside, Escape closes. Then it goes back to where it
 * was, or to the screen when that is gone: a removed row, say.
 */
export function Dialog({ title, onClose, children, wide }) {
  const element = useRef(null);
  useEffect(() => {
    const dialog = element.current;
    dialog.showModal();
    return () => {
      dialog.close();
      setTimeout(() => document.activeElement === document.body && document.getElementById("main")?.focus());
    };
  }, []);
  return html`<dialog ref=${element} class=${wide ? "wide" : ""} aria-labelledby="dialog-title" onCancel=${(event) => {
    event.preventDefault();
    onClose();
  }}>
    <div class="dialog-head"><h2 id="dialog-title">${title}</h2><button type="button" class="button icon-only" aria-label=${t("close")} onClick=${onClose}><${Icon} name="close" /></button></div>
    ${children}</dialog>`;
}

/**
 * A table that becomes a list of cards where there is no room; a card leaves out what is "–".
 * columns: {key, label, cell(row), number}; `tall`: it scrolls in itself; `plain`: it stays a table.
 */
export function Table({ columns, rows, keyOf, caption, tall, plain }) {
  const region = tall ? { tabindex: 0, role: "region", "aria-label": caption } : {};
  return html`<div class=${`table-wrap ${tall ? "tall" : ""} ${plain ? "" : "cards"}`} ...${region}><table><caption class="hidden">${caption}</caption>
    <thead><tr>${columns.map((column) => html`<th scope="col" class=${column.number ? "number" : ""}>${column.label}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${keyOf(row)}>
      ${columns.map((column) => {
        const value = column.cell(row);
        return html`<td data-label=${column.label} class=${`cell-${column.key} ${column.number ? "number" : ""} ${value === "–" || value === "" || value == null ? "none" : ""}`}>${value}</td>`;
      })}</tr>`)}</tbody></table></div>`;
}

// ---- messages that pass ----

const messages = cell([]);
let sequence = 0;
const UNDO_MS = 10000, TOLD_MS = 5000;

/** Says something for a while. `undo`, which may throw an error in words, gives a button that takes it back. */
export function say(text, { tone = "good", undo } = {}) {
  const id = ++sequence;
  messages.set([...messages.get(), { id, text, tone, undo }]);
  setTimeout(() => forget(id), undo ? UNDO_MS : TOLD_MS);
}

/** Runs what a button asks for outside of a form; an error is told. */
export async function attempt(action) {
  try {
    await action();
  } catch (error) {
    say(error.message, { tone: "bad" });
  }
}

const forget = (id) => messages.set(messages.get().filter((message) => message.id !== id));

export function Messages() {
  const list = useCell(messages);
  return html`<div class="messages" role="status" aria-live="polite">${list.map((message) => html`<div key=${message.id} class=${`message ${message.tone}`}>
    <span>${message.text}</span>
    ${message.undo && html`<button type="button" class="button" onClick=${() => {
      forget(message.id);
      attempt(async () => {
        await message.undo();
        say(t("undone"));
      });
    }}>${t("undo")}</button>`}</div>`)}</div>`;
}
