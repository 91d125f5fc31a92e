// One's own password.
import { html, useState } from "../vendor/preact.js";
import { put } from "./api.js";
import { t } from "./i18n.js";
import { Button, Dialog, Fault, Field, say } from "./ui.js";

export const LEAST = 10; // characters; the server has the same rule

export function Password({ who, onClose }) {
  const [values, setValues] = useState({ old: "", next: "" });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const set = (name) => (event) => setValues({ ...values, [name]: event.target.value });
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await put("/api/v1/me/password", { old: values.old, new: values.next });
      say(t("password.changed"));
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t("password.change")} onClose=${onClose}><form onSubmit=${submit}>
    <input class="hidden" type="text" name="username" autocomplete="username" tabindex="-1" aria-hidden="true" value=${who.name} readonly />
    <${Field} label=${t("password.old")} type="password" required autofocus autocomplete="current-password" value=${values.old} onInput=${set("old")} />
    <${Field} label=${t("accounts.new_password")} type="password" required minlength=${LEAST} autocomplete="new-password" hint=${t("accounts.password_hint")} value=${values.next} onInput=${set("next")} />
    <${Fault} error=${error} />
    <div class="foot"><${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary" type="submit" busy=${busy}>${t("save")}<//></div></form><//>`;
}
