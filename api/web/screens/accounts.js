// Who may use this central: people with passwords, programs with tokens.
import { html, useState } from "../vendor/preact.js";
import { post, put, remove } from "../lib/api.js";
import { FormDialog, Reason } from "../lib/form.js";
import { t } from "../lib/i18n.js";
import { useData } from "../lib/live.js";
import { newPassword } from "../lib/password.js";
import { Badge, Button, Card, Dialog, Shown, Table, Time, say } from "../lib/ui.js";

const ROLES = ["viewer", "operator", "admin", "edge", "metrics"];
const roleField = (roles, more) => ({ name: "role", label: t("accounts.role"), options: roles.map((role) => [role, t(`role.${role}`)]), ...more });
const PEOPLE = ROLES.slice(0, 3);

/** What is shown once and never again. */
const Secret = ({ title, text, secret, onClose }) => html`<${Dialog} title=${title} onClose=${onClose}><p>${text}</p>
  <p><code class="secret" translate=${false}>${secret}</code></p><div class="foot"><${Button} kind="primary" onClick=${onClose}>${t("accounts.noted")}<//></div><//>`;

function Accounts() {
  const source = useData("/api/v1/accounts", { quiet: true, every: 60000 });
  const [open, setOpen] = useState(null);
  const close = () => setOpen(null);
  const add = async ({ name, role }) => {
    const made = await post("/api/v1/accounts", { name, role });
    source.reload();
    setTimeout(() => setOpen({ kind: "secret", name: made.name ?? name, secret: made.password }), 0);
  };
  const change = async ({ name }, values) => {
    await put(`/api/v1/accounts/${encodeURIComponent(name)}`, values);
    source.reload();
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
    ${open?.kind === "add" && html`<${FormDialog} title=${t("accounts.add")} confirm=${t("add")} fresh=${{ name: "", role: "operator" }} onClose=${close} action=${add}
      fields=${[{ name: "name", label: t("login.name"), required: true, maxlength: 63, autocomplete: "off" }, roleField(PEOPLE, { hint: t("accounts.role_hint") })]} />`}
    ${open?.kind === "role" && html`<${FormDialog} title=${`${t("accounts.role")}: ${open.row.name}`} fresh=${{ role: open.row.role }} onClose=${close} fields=${[roleField(PEOPLE)]} action=${async ({ role }) => {
      const row = open.row;
      await change(row, { role });
      say(t("list.saved", { name: row.name }), { undo: () => change(row, { role: row.role }) });
    }} />`}
    ${open?.kind === "password" && html`<${FormDialog} title=${`${t("login.password")}: ${open.row.name}`} fresh=${{ password: "" }} onClose=${close} fields=${[newPassword("password")]} action=${async ({ password }) => {
      await change(open.row, { password });
      say(t("list.saved", { name: open.row.name }));
    }} />`}
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
    ${open?.kind === "add" && html`<${FormDialog} title=${t("accounts.add_token")} confirm=${t("add")} fresh=${{ name: "", role: "viewer" }} onClose=${close} action=${add}
      fields=${[{ name: "name", label: t("accounts.token"), required: true, maxlength: 63, autocomplete: "off" }, roleField(ROLES)]} />`}
    ${open?.kind === "remove" && html`<${Reason} title=${t("accounts.revoke")} text=${t("accounts.revoke_text", { name: open.row.name })} confirm=${t("accounts.revoke")} danger onClose=${close}
      action=${async (reason) => {
        await remove(`/api/v1/tokens/${encodeURIComponent(open.row.name)}`, { reason });
        source.reload();
      }} />`}
    ${open?.kind === "secret" && html`<${Secret} title=${open.name} text=${t("accounts.token_once")} secret=${open.secret} onClose=${close} />`}<//>`;
}

export default function Screen() {
  return html`<div class="screen"><div class="head"><div><h1>${t("nav.accounts")}</h1><p>${t("accounts.lead")}</p></div></div><${Accounts} /><${Tokens} /></div>`;
}
