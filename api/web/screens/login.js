// Who is there? Shown instead of everything else when the central wants to know.
import { html, useState } from "../vendor/preact.js";
import { findOut, post } from "../lib/api.js";
import { Language, Theme } from "../lib/choice.js";
import { useSubmit } from "../lib/form.js";
import { t } from "../lib/i18n.js";
import { Button, Fault, Field } from "../lib/ui.js";

export function Login() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const { submit, busy, error } = useSubmit(async () => {
    await post("/api/v1/login", { name, password });
    await findOut();
  });
  return html`<main class="login"><form onSubmit=${submit}>
    <img src="/web/icon.svg" alt="" width="56" height="56" />
    <h1>ParkMesh</h1>
    <${Field} label=${t("login.name")} name="username" autocomplete="username" required value=${name} onInput=${(event) => setName(event.target.value)} />
    <${Field} label=${t("login.password")} name="password" type="password" autocomplete="current-password" required value=${password} onInput=${(event) => setPassword(event.target.value)} />
    <${Fault} error=${error} />
    <${Button} kind="primary big" type="submit" busy=${busy}>${t("login.go")}<//>
    <p class="soft">${t("login.forgotten")}</p>
    <div class="bar"><${Language} /><${Theme} /></div>
  </form></main>`;
}
