// Forms: what is typed, what went wrong, and that nothing is sent twice.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { t } from "./i18n.js";
import { Button, Dialog, Fault, Field } from "./ui.js";

/** {submit, busy, error} for `action`, which throws what a person is to be told. */
export function useSubmit(action) {
  const [state, setState] = useState({ busy: false, error: null });
  const submit = async (event) => {
    event.preventDefault();
    if (state.busy) return;
    setState({ busy: true, error: null });
    try {
      await action();
      setState({ busy: false, error: null });
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return { ...state, submit };
}

/** The foot of each form in a dialog. */
export const Foot = ({ busy, confirm, danger, onClose }) => html`<div class="foot"><${Button} onClick=${onClose}>${t("cancel")}<//>
  <${Button} kind=${danger ? "danger" : "primary"} type="submit" busy=${busy}>${confirm ?? t("save")}<//></div>`;

/**
 * A form in a dialog, which closes when `action(values)` is done; what went wrong stays in it.
 * fields: {name, options: [[value, label]], ...what Field takes}, or a function of the values that
 * makes them. `fresh` are the values at first; `lead` is said above, `children` stand below.
 */
export function FormDialog({ title, lead, fields, fresh, confirm, danger, action, onClose, children }) {
  const [values, setValues] = useState(fresh);
  const { submit, busy, error } = useSubmit(async () => {
    await action(values);
    onClose();
  });
  const form = useRef(null);
  // A long form on a phone ends below the window, and with it what went wrong.
  useEffect(() => {
    if (error) form.current.lastElementChild.scrollIntoView({ block: "nearest" });
  }, [error]);
  const shown = typeof fields === "function" ? fields(values) : fields;
  return html`<${Dialog} title=${title} onClose=${onClose}><form ref=${form} onSubmit=${submit}>${lead && html`<p>${lead}</p>`}
    <div class="form">${shown.map(({ name, options, ...rest }, index) => html`<${Field} key=${name} as=${options ? "select" : "input"} autofocus=${index === 0} ...${rest} value=${values[name] ?? ""}
      onInput=${(event) => setValues({ ...values, [name]: event.target.value })}>${options?.map(([value, label]) => html`<option value=${value}>${label}</option>`)}<//>`)}</div>
    ${children}<${Fault} error=${error} />
    <${Foot} busy=${busy} confirm=${confirm} danger=${danger} onClose=${onClose} /></form><//>`;
}

/** A reason as a field of a form; `reasons` are offered. */
export const reasonField = (reasons = []) => ({ name: "reason", label: t("reason"), required: true, maxlength: 200, suggestions: reasons, class: "wide" });

/** Asks why, then runs `action(reason)`. */
export function Reason({ title, text, confirm, danger, reasons = [], action, onClose }) {
  return html`<${FormDialog} title=${title} lead=${text} confirm=${confirm} danger=${danger} onClose=${onClose} fields=${[reasonField(reasons)]} fresh=${{ reason: reasons[0] ?? "" }}
    action=${({ reason }) => action(reason.trim())} />`;
}
