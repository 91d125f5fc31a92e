// Corrections of a visit: plate, times, delete, undelete. Each has a reason, and each can be undone.
import { html, useState } from "../vendor/preact.js";
import { call } from "./api.js";
import { fromField, now, toField } from "./clock.js";
import { FormDialog, Reason, reasonField } from "./form.js";
import { dateOf } from "./format.js";
import { t } from "./i18n.js";
import { grade } from "./plate.js";
import { Badge, Button, say } from "./ui.js";

const address = (visit) => `/api/v1/visits/${encodeURIComponent(visit.event_id)}`;

/** Sends one change of what the person saw; a retry of the same click is recognised by its key. */
async function send(method, path, visit, body) {
  const headers = { "Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random()).slice(2) };
  if (visit.etag) headers["If-Match"] = `"${visit.etag}"`;
  return (await call(method, path, { body, headers })).data.visit ?? visit;
}

const change = (visit, body) => send("PUT", address(visit), visit, body);
const erase = (visit, reason) => send("DELETE", address(visit), visit, { reason });
const restore = (visit, reason) => send("POST", `${address(visit)}/undelete`, visit, { reason });

const reasons = () => [t("correct.misread"), t("correct.typo"), t("correct.other")];

const timeField = (value) => (dateOf(value) ? toField(dateOf(value)) : "");

/** What differs between the visit and what was typed, and what takes that back. */
function difference(visit, values) {
  const body = { reason: values.reason }, back = { reason: t("undo") };
  if (values.plate !== visit.plate_view) [body.plate, back.plate] = [values.plate, visit.plate_view];
  if (values.entry !== timeField(visit.entry_time)) [body.entry_time, back.entry_time] = [fromField(values.entry), visit.entry_time];
  if (values.exit && values.exit !== timeField(visit.exit_time)) [body.exit_time, back.exit_time] = [fromField(values.exit), visit.exit_time ?? null];
  return { body, back };
}

function Edit({ visit, close, onDone, onClose }) {
  const fields = (values) => {
    const plate = { name: "plate", label: t("visits.plate"), required: true, maxlength: 32, autocomplete: "off", spellcheck: false,
      hint: grade(values.plate) === "unusual" ? html`<${Badge} tone="warn">${t("gate.unusual")}<//>` : null, error: grade(values.plate) === "short" ? t("gate.short") : null };
    const entry = { name: "entry", label: t("visits.entry"), type: "datetime-local", required: true };
    const exit = { name: "exit", label: t("visits.exit"), type: "datetime-local", required: true };
    return [...(close ? [] : [plate, entry]), ...(close || visit.exit_time ? [exit] : []), reasonField(reasons())];
  };
  const fresh = { plate: visit.plate_view, entry: timeField(visit.entry_time), exit: close ? toField(now()) : timeField(visit.exit_time), reason: close ? t("correct.forgotten") : reasons()[0] };
  return html`<${FormDialog} title=${t(close ? "correct.close" : "correct.edit")} fields=${fields} fresh=${fresh} onClose=${onClose} action=${async (values) => {
    const { body, back } = difference(visit, values);
    const after = await change(visit, body);
    say(t("correct.done", { plate: values.plate }), { undo: () => change(after, back) });
    onDone();
  }} />`;
}

/** The buttons under a visit; `onDone` is called after a change. */
export function Corrections({ visit, onDone }) {
  const [open, setOpen] = useState(null);
  const close = () => setOpen(null);
  const deleted = visit.status === "DELETED";
  const plate = visit.plate_view;
  const act = (key, forth, back) => async (reason) => {
    const after = await forth(visit, reason);
    say(t(key, { plate }), { undo: () => back(after, t("undo")) });
    onDone();
  };
  return html`<div class="bar">
    ${!deleted && html`<${Button} onClick=${() => setOpen("edit")}>${t("correct.edit")}<//>`}
    ${visit.status === "IN" && html`<${Button} onClick=${() => setOpen("close")}>${t("correct.close")}<//>`}
    ${deleted ? html`<${Button} onClick=${() => setOpen("restore")}>${t("correct.restore")}<//>` : html`<${Button} onClick=${() => setOpen("delete")}>${t("correct.delete")}<//>`}
    ${(open === "edit" || open === "close") && html`<${Edit} visit=${visit} close=${open === "close"} onDone=${onDone} onClose=${close} />`}
    ${open === "delete" && html`<${Reason} title=${t("correct.delete")} text=${t("correct.delete_text", { plate })} confirm=${t("correct.delete")} danger reasons=${reasons()} onClose=${close}
      action=${act("correct.deleted", erase, restore)} />`}
    ${open === "restore" && html`<${Reason} title=${t("correct.restore")} text=${t("correct.restore_text", { plate })} confirm=${t("correct.restore")} reasons=${[t("correct.by_mistake")]} onClose=${close}
      action=${act("correct.restored", restore, erase)} />`}</div>`;
}
