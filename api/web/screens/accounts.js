// Who may use this central: people with passwords, programs with tokens.
import { html, useState } from "../vendor/preact.js";
import { post, put, remove } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { useData } from "../lib/live.js";
import { Badge, Button, Card, Dialog, Fault, Field, Reason, Shown, Table, Time, say } from "../lib/ui.js";

const ROLES = ["viewer", "operator", "admin", "edge", "metrics"];
const roleOptions = (roles) => roles.map((role) => html`<option value=${role}>${t(`role.${role}`)}</option>`);

/** A form in a dialog that sends its values and shows what went wrong. */
function Ask({ title, fields, fresh, confirm, action, onClose }) {
  const [values, setValues] = useState(fresh);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await action(values);
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${onClose}><form onSubmit=${submit}>
    ${fields.map(({ name, options, ...rest }) => html`<${Field} key=${name} as=${options ? "select" : "input"} ...${rest} value=${values[name]}
      onInput=${(event) => setValues({ ...values, [name]: event.target.value })}>${options && roleOptions(options)}<//>`)}
    <${Fault} error=${error} />
    <footer><${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary" type="submit" busy=${busy}>${confirm}<//></footer></form><//>`;
}

/** What is shown once and never again. */
const Secret = ({ title, text, secret, onClose }) => html`<${Dialog} title=${title} onClose=${onClose}><p>${text}</p>
  <p><code class="secret" translate="no">${secret}</code></p><footer><${Button} kind="primary" onClick=${onClose}>${t("accounts.noted")}<//></footer><//>`;

function Accounts() {
  const source = useData("/api/v1/accounts", { quiet: true, every: 60000 });
  const [open, setOpen] = useState(null);
  const close = () => setOpen(null);
  const add = async ({ name, role }) => {
    const made = await post("/api/v1/accounts", { name, role });
    source.reload();
    setTimeout(() => setOpen({ kind: "secret", name: made.name ?? name, secret: made.password }), 0);
  };
  const change = (body) => async (values) => {
    await put(`/api/v1/accounts/${encodeURIComponent(open.row.name)}`, body(values));
    source.reload();
    say(t("list.saved", { name: open.row.name }));
  };
  const columns = [
    { key: "name", label: t("login.name"), cell: (row) => html`<bdi>${row.name}</bdi>` },
    { key: "role", label: t("accounts.role"), cell: (row) => html`<${Badge} tone="info">${t(`role.${row.role}`)}<//>` },
    { key: "actions", label: t("list.actions"), cell: (row) => html`<span class="bar">
      <${Button} aria-label=${`${t("accounts.role")}: ${row.name}`} onClick=${() => setOpen({ kind: "role", row })}>${t("accounts.role")}<//>
      <${Button} aria-label=${`${t("login.password")}: ${row.name}`} onClick=${() => setOpen({ kind: "password", row })}>${t("login.password")}<//>
      <${Button} aria-label=${`${t("remove")}: ${row.name}`} onClick=${() => setOpen({ kind: "remove", row })}>${t("remove")}<//></span>` },
  ];
  return html`<${Card} title=${t("accounts.people")} actions=${html`<${Button} kind="primary" onClick=${() => setOpen({ kind: "add" })}>${t("add")}<//>`}>
    <${Shown} source=${source}>${(data) => html`<${Table} caption=${t("accounts.people")} columns=${columns} rows=${data.accounts} keyOf=${(row) => row.name} />`}<//>
    ${open?.kind === "add" && html`<${Ask} title=${t("accounts.add")} confirm=${t("add")} fresh=${{ name: "", role: "operator" }} onClose=${close} action=${add}
      fields=${[{ name: "name", label: t("login.name"), required: true, maxlength: 63, autocomplete: "off" }, { name: "role", label: t("accounts.role"), options: ROLES.slice(0, 3), hint: t("accounts.role_hint") }]} />`}
    ${open?.kind === "role" && html`<${Ask} title=${open.row.name} confirm=${t("save")} fresh=${{ role: open.row.role }} onClose=${close} action=${change(({ role }) => ({ role }))}
      fields=${[{ name: "role", label: t("accounts.role"), options: ROLES.slice(0, 3) }]} />`}
    ${open?.kind === "password" && html`<${Ask} title=${open.row.name} confirm=${t("save")} fresh=${{ password: "" }} onClose=${close} action=${change(({ password }) => ({ password }))}
      fields=${[{ name: "password", label: t("accounts.new_password"), type: "password", required: true, minlength: 10, autocomplete: "new-password", hint: t("accounts.password_hint") }]} />`}
    ${open?.kind === "remove" && html`<${Reason} title=${t("remove")} text=${t("accounts.remove", { name: open.row.name })} confirm=${t("remove")} danger onClose=${close}
      action=${async (reason) => {
        await remove(`/api/v1/accounts/${encodeURIComponent(open.row.name)}`, { reason });
        source.reload();
      }} />`}
    ${open?.kind === "secret" && html`<${Secret} title=${open.name} text=${t("accounts.password_once")} secret=${open.secret} onClose=${close} />`}<//>`;
}

function Tokens() {
  const source = useData("/api/v1/tokens", { quiet: true, every: 60000 });
  const [open, setOpen] = useState(null);
  const close = () => setOpen(null);
  const add = async ({ name, role }) => {
    const made = await post("/api/v1/tokens", { name, role });
    source.reload();
    setTimeout(() => setOpen({ kind: "secret", name, secret: made.token }), 0);
  };
  const columns = [
    { key: "name", label: t("accounts.token"), cell: (row) => html`<bdi>${row.name}</bdi>` },
    { key: "role", label: t("accounts.role"), cell: (row) => html`<${Badge} tone="info">${t(`role.${row.role}`)}<//>` },
    { key: "expires", label: t("accounts.expires"), cell: (row) => html`<${Time} value=${row.expires_at} />` },
    { key: "actions", label: t("list.actions"), cell: (row) => html`<${Button} aria-label=${`${t("accounts.revoke")}: ${row.name}`} onClick=${() => setOpen({ kind: "remove", row })}>${t("accounts.revoke")}<//>` },
  ];
  return html`<${Card} title=${t("accounts.tokens")} actions=${html`<${Button} onClick=${() => setOpen({ kind: "add" })}>${t("add")}<//>`}>
    <p class="soft">${t("accounts.tokens_lead")}</p>
    <${Shown} source=${source}>${(data) => html`<${Table} caption=${t("accounts.tokens")} columns=${columns} rows=${data.tokens} keyOf=${(row) => row.name} />`}<//>
    ${open?.kind === "add" && html`<${Ask} title=${t("accounts.add_token")} confirm=${t("add")} fresh=${{ name: "", role: "viewer" }} onClose=${close} action=${add}
      fields=${[{ name: "name", label: t("accounts.token"), required: true, maxlength: 63, autocomplete: "off" }, { name: "role", label: t("accounts.role"), options: ROLES }]} />`}
    ${open?.kind === "remove" && html`<${Reason} title=${t("accounts.revoke")} text=${t("accounts.revoke_text", { name: open.row.name })} confirm=${t("accounts.revoke")} danger onClose=${close}
      action=${async (reason) => {
        await remove(`/api/v1/tokens/${encodeURIComponent(open.row.name)}`, { reason });
        source.reload();
      }} />`}
    ${open?.kind === "secret" && html`<${Secret} title=${open.name} text=${t("accounts.token_once")} secret=${open.secret} onClose=${close} />`}<//>`;
}

export default function Screen() {
  return html`<div class="head"><div><h1>${t("nav.accounts")}</h1><p>${t("accounts.lead")}</p></div></div><${Accounts} /><${Tokens} />`;
}
