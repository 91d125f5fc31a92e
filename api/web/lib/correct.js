// Corrections of a visit: plate, times, delete, undelete. Each has a reason, and each can be undone.
import { html, useState } from "../vendor/preact.js";
import { call } from "./api.js";
import { dateOf } from "./format.js";
import { t } from "./i18n.js";
import { grade } from "./plate.js";
import { Badge, Button, Dialog, Fault, Field, Reason, say } from "./ui.js";

const address = (visit) => `/api/v1/visits/${encodeURIComponent(visit.event_id)}`;

/** Sends one change of what the person saw; a retry of the same click is recognised by its key. */
async function send(method, path, visit, body) {
  const headers = { "Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random()).slice(2) };
  if (visit.etag) headers["If-Match"] = `"${visit.etag}"`;
  return (await call(method, path, { body, headers })).data.visit;
}

const change = (visit, body) => send("PUT", address(visit), visit, body);
const erase = (visit, reason) => send("DELETE", address(visit), visit, { reason });
const restore = (visit, reason) => send("POST", `${address(visit)}/undelete`, visit, { reason });

/** Says what was done, with a button that takes it back by a change of its own. */
function told(text, after, back) {
  say(text, {
    undo: async () => {
      try {
        await back(after);
        say(t("undone"));
      } catch (error) {
        say(error.message, { tone: "bad" });
      }
    },
  });
}

const reasons = () => [t("correct.misread"), t("correct.typo"), t("correct.other")];

/** "2026-11-22T08:15" of a server's time, for an input of type datetime-local. */
function fieldTime(value) {
  const date = dateOf(value);
  return date ? new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16) : "";
}

const zoned = (text) => new Date(text).toISOString();

function Edit({ visit, close, onDone, onClose }) {
  const [values, setValues] = useState({ plate: visit.plate_view, entry: fieldTime(visit.entry_time), exit: close ? fieldTime(Date.now()) : fieldTime(visit.exit_time), reason: "" });
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const set = (name) => (event) => setValues({ ...values, [name]: event.target.value });
  const submit = async (event) => {
    event.preventDefault();
    const body = { reason: values.reason };
    const back = { reason: t("undo") };
    if (values.plate !== visit.plate_view) [body.plate, back.plate] = [values.plate, visit.plate_view];
    if (values.entry !== fieldTime(visit.entry_time)) [body.entry_time, back.entry_time] = [zoned(values.entry), visit.entry_time];
    if (values.exit && values.exit !== fieldTime(visit.exit_time)) [body.exit_time, back.exit_time] = [zoned(values.exit), visit.exit_time ?? null];
    setBusy(true);
    try {
      const after = await change(visit, body);
      told(t("correct.done", { plate: values.plate }), after ?? visit, (seen) => change(seen, back));
      onDone();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t(close ? "correct.close" : "correct.edit")} onClose=${onClose}><form onSubmit=${submit}>
    ${!close && html`<${Field} label=${t("visits.plate")} required maxlength="32" value=${values.plate} onInput=${set("plate")} autofocus autocomplete="off"
      hint=${grade(values.plate) === "unusual" ? html`<${Badge} tone="warn">${t("gate.unusual")}<//>` : null} error=${grade(values.plate) === "short" ? t("gate.short") : null} />
      <${Field} label=${t("visits.entry")} type="datetime-local" required value=${values.entry} onInput=${set("entry")} />`}
    ${(close || visit.exit_time) && html`<${Field} label=${t("visits.exit")} type="datetime-local" required value=${values.exit} onInput=${set("exit")} />`}
    <${Field} label=${t("reason")} required maxlength="200" list="why" value=${values.reason} onInput=${set("reason")} />
    <datalist id="why">${reasons().map((one) => html`<option value=${one} />`)}</datalist>
    <${Fault} error=${error} />
    <footer><${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary" type="submit" busy=${busy}>${t("save")}<//></footer></form><//>`;
}

/** The buttons under a visit; `onDone` is called after a change. */
export function Corrections({ visit, onDone }) {
  const [open, setOpen] = useState(null);
  const close = () => setOpen(null);
  const done = () => {
    close();
    onDone();
  };
  const deleted = visit.status === "DELETED";
  return html`<div class="bar">
    ${!deleted && html`<${Button} onClick=${() => setOpen("edit")}>${t("correct.edit")}<//>`}
    ${visit.status === "IN" && html`<${Button} onClick=${() => setOpen("close")}>${t("correct.close")}<//>`}
    ${deleted ? html`<${Button} onClick=${() => setOpen("restore")}>${t("correct.restore")}<//>` : html`<${Button} onClick=${() => setOpen("delete")}>${t("correct.delete")}<//>`}</div>
    ${(open === "edit" || open === "close") && html`<${Edit} visit=${visit} close=${open === "close"} onDone=${done} onClose=${close} />`}
    ${open === "delete" && html`<${Reason} title=${t("correct.delete")} text=${t("correct.delete_text", { plate: visit.plate_view })} confirm=${t("correct.delete")} danger reasons=${reasons()} onClose=${close}
      action=${async (reason) => {
        const after = await erase(visit, reason);
        told(t("correct.deleted", { plate: visit.plate_view }), after ?? visit, (seen) => restore(seen, t("undo")));
        onDone();
      }} />`}
    ${open === "restore" && html`<${Reason} title=${t("correct.restore")} text=${t("correct.restore_text", { plate: visit.plate_view })} confirm=${t("correct.restore")} onClose=${close}
      action=${async (reason) => {
        const after = await restore(visit, reason);
        told(t("correct.restored", { plate: visit.plate_view }), after ?? visit, (seen) => erase(seen, t("undo")));
        onDone();
      }} />`}`;
}
