// One's own password.
import { html } from "../vendor/preact.js";
import { put } from "./api.js";
import { FormDialog } from "./form.js";
import { t } from "./i18n.js";
import { say } from "./ui.js";

export const LEAST = 10; // characters; the server has the same rule

/** A new password as a field of a form. */
export const newPassword = (name) => ({ name, label: t("accounts.new_password"), type: "password", required: true, minlength: LEAST, autocomplete: "new-password", hint: t("accounts.password_hint") });

export function Password({ who, onClose }) {
  const fields = [{ name: "old", label: t("password.old"), type: "password", required: true, autocomplete: "current-password" }, newPassword("next")];
  return html`<${FormDialog} title=${t("password.change")} fields=${fields} fresh=${{ old: "", next: "" }} onClose=${onClose} action=${async ({ old, next }) => {
    await put("/api/v1/me/password", { old, new: next });
    say(t("password.changed"));
  }}><input class="hidden" type="text" name="username" autocomplete="username" tabindex="-1" aria-hidden="true" value=${who.name} readonly /><//>`;
}
