// A replicated list (staff, subscriptions): shown, searched, and changed one element at a time.
import { html, useCallback, useEffect, useState } from "../vendor/preact.js";
import { call } from "./api.js";
import { t } from "./i18n.js";
import { Button, Dialog, Empty, Fault, Field, Reason, Table, say } from "./ui.js";

/** The list and its ETag; `save(list, reason)` puts it only if nobody else was faster. */
export function useList(path, member) {
  const [state, setState] = useState({ rows: undefined, etag: null, error: null });
  const load = useCallback(async () => {
    try {
      const { data, etag } = await call("GET", path);
      setState({ rows: data[member], etag, error: null });
    } catch (error) {
      setState((old) => ({ ...old, error }));
    }
  }, [path, member]);
  useEffect(() => {
    load();
  }, [load]);
  const save = async (rows, reason) => {
    const { etag } = await call("PUT", path, { body: { [member]: rows, reason }, headers: { "If-Match": state.etag } });
    setState({ rows, etag, error: null });
    load();
  };
  return { ...state, load, save };
}

const freeId = (rows) => rows.reduce((most, row) => (typeof row.id === "number" ? Math.max(most, row.id) : most), 0) + 1;

function Editor({ fields, row, title, onSave, onClose }) {
  const [values, setValues] = useState(row);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await onSave(values);
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  const set = (name) => (event) => setValues({ ...values, [name]: event.target.value });
  return html`<${Dialog} title=${title} onClose=${onClose}><form onSubmit=${submit}><div class="form">
    ${fields.map((field) => html`<${Field} key=${field.name} label=${t(field.label)} as=${field.options ? "select" : "input"} type=${field.type ?? "text"}
      required=${field.required} maxlength="200" value=${values[field.name] ?? ""} onInput=${set(field.name)}>
      ${field.options?.map(([value, label]) => html`<option value=${value}>${t(label)}</option>`)}<//>`)}</div>
    <${Fault} error=${error} />
    <footer><${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary" type="submit" busy=${busy}>${t("save")}<//></footer></form><//>`;
}

const matches = (row, text) => Object.values(row).some((value) => String(value ?? "").toLowerCase().includes(text));

/** fields: {name, label, type, required, options}; columns as in Table; `may`: whether to offer changes. */
export function ListScreen({ title, lead, path, member, fields, columns, fresh, may, nameOf }) {
  const list = useList(path, member);
  const [text, setText] = useState("");
  const [edited, setEdited] = useState(null);
  const [removed, setRemoved] = useState(null);
  const rows = (list.rows ?? []).filter((row) => !text || matches(row, text.toLowerCase()));
  const store = async (row) => {
    const others = list.rows.filter((one) => one.id !== row.id);
    await list.save([...others, row].sort((one, two) => (one.id > two.id ? 1 : -1)));
    setEdited(null);
    say(t("list.saved", { name: nameOf(row) }));
  };
  const actions = {
    key: "actions", label: t("list.actions"),
    cell: (row) => html`<span class="bar"><${Button} aria-label=${`${t("edit")}: ${nameOf(row)}`} onClick=${() => setEdited(row)}>${t("edit")}<//>
      <${Button} aria-label=${`${t("remove")}: ${nameOf(row)}`} onClick=${() => setRemoved(row)}>${t("remove")}<//></span>`,
  };
  return html`<div class="head"><div><h1>${title}</h1><p>${lead}</p></div>
    ${may && html`<${Button} kind="primary" disabled=${!list.rows} onClick=${() => setEdited({ ...fresh, id: freeId(list.rows) })}>${t("add")}<//>`}</div>
    <${Field} label=${t("list.search")} type="search" value=${text} onInput=${(event) => setText(event.target.value)} />
    <${Fault} error=${list.error} retry=${list.load} />
    ${list.rows && (rows.length ? html`<${Table} caption=${title} columns=${may ? [...columns, actions] : columns} rows=${rows} keyOf=${(row) => row.id} />`
      : html`<${Empty}>${t(list.rows.length ? "list.no_match" : "list.empty")}<//>`)}
    ${edited && html`<${Editor} fields=${fields} row=${edited} title=${list.rows.some((row) => row.id === edited.id) ? t("edit") : t("add")} onSave=${store} onClose=${() => setEdited(null)} />`}
    ${removed && html`<${Reason} title=${t("remove")} text=${t("list.remove", { name: nameOf(removed) })} confirm=${t("remove")} danger
      action=${async (reason) => {
        const before = list.rows;
        await list.save(before.filter((row) => row.id !== removed.id), reason);
        say(t("list.removed", { name: nameOf(removed) }));
      }} onClose=${() => setRemoved(null)} />`}`;
}
