// A replicated list (staff, subscriptions): shown, searched, and changed one element at a time.
import { html, useCallback, useEffect, useMemo, useState } from "../vendor/preact.js";
import { call, requests } from "./api.js";
import { FormDialog, Reason } from "./form.js";
import { t } from "./i18n.js";
import { Button, Empty, Fault, Field, Table, say } from "./ui.js";

/** The list; `edit(change, reason)` puts what `change(rows)` makes of it, unless somebody else was faster. */
export function useList(path, member) {
  const [state, setState] = useState({ rows: undefined, error: null });
  const asking = useMemo(requests, [path]);
  const load = useCallback(async () => {
    const isNewest = asking();
    try {
      const { data, etag } = await call("GET", path);
      const rows = data[member];
      if (isNewest()) setState({ rows, error: null });
      return { rows, etag };
    } catch (error) {
      if (isNewest()) setState((old) => ({ ...old, error }));
      throw error;
    }
  }, [path, member]);
  useEffect(() => {
    load().catch(() => {}); // it is shown
  }, [load]);
  const edit = async (change, reason) => {
    const { rows, etag } = await load();
    await call("PUT", path, { body: { [member]: change(rows), reason }, headers: { "If-Match": etag } });
    load().catch(() => {});
  };
  return { ...state, load: () => load().catch(() => {}), edit };
}

const freeId = (rows) => rows.reduce((most, row) => (typeof row.id === "number" ? Math.max(most, row.id) : most), 0) + 1;

/** Text as people look for it: without marks, blanks, dots and dashes; đ is a d. */
export const folded = (text) => String(text ?? "").toLowerCase().normalize("NFD").replace(/[\u0300-\u036f\s.-]/g, "").replaceAll("đ", "d");

const matches = (row, text) => Object.values(row).some((value) => folded(value).includes(text));

/** The list with `row` in the place of the one with its id; without it when `row` is null. */
const withRow = (rows, id, row) => [...rows.filter((one) => one.id !== id), ...(row ? [row] : [])].sort((one, two) => (one.id > two.id ? 1 : -1));

/**
 * fields as of FormDialog; columns as of Table; `may`: whether to offer changes. `toggle(row)`, when
 * given, is the other state of a row, {text, row}, that one click puts.
 */
export function ListScreen({ title, lead, path, member, fields, columns, fresh, may, nameOf, toggle }) {
  const list = useList(path, member);
  const [text, setText] = useState("");
  const [edited, setEdited] = useState(null);
  const [removed, setRemoved] = useState(null);
  const [error, setError] = useState(null);
  const rows = (list.rows ?? []).filter((row) => !text || matches(row, folded(text)));
  /** Puts one row (null: takes it out) and offers to put back what was there. */
  const store = async (id, row, reason) => {
    let before = null;
    await list.edit((all) => {
      before = all.find((one) => one.id === id) ?? null;
      return withRow(all, id, row);
    }, reason);
    setError(null);
    say(t(row ? "list.saved" : "list.removed", { name: nameOf(row ?? before) }), { undo: () => list.edit((all) => withRow(all, id, before), t("undo")) });
  };
  const flip = toggle && ((row) => {
    const other = toggle(row);
    return html`<${Button} aria-label=${`${other.text}: ${nameOf(row)}`} onClick=${() => store(row.id, other.row).catch(setError)}>${other.text}<//>`;
  });
  const actions = {
    key: "actions", label: t("list.actions"),
    cell: (row) => html`<span class="bar">${flip?.(row)}<${Button} aria-label=${`${t("edit")}: ${nameOf(row)}`} onClick=${() => setEdited(row)}>${t("edit")}<//>
      <${Button} aria-label=${`${t("remove")}: ${nameOf(row)}`} onClick=${() => setRemoved(row)}>${t("remove")}<//></span>`,
  };
  return html`<div class="screen"><div class="head"><div><h1>${title}</h1><p>${lead}</p></div>
    ${may && html`<${Button} kind="primary" disabled=${!list.rows} onClick=${() => setEdited({ ...fresh, id: freeId(list.rows) })}>${t("add")}<//>`}</div>
    <${Field} label=${t("list.search")} type="search" value=${text} onInput=${(event) => setText(event.target.value)} />
    <${Fault} error=${list.error ?? error} retry=${list.load} />
    ${list.rows && (rows.length ? html`<${Table} caption=${title} columns=${may ? [...columns, actions] : columns} rows=${rows} keyOf=${(row) => row.id} />`
      : html`<${Empty}>${t(list.rows.length ? "list.no_match" : "list.empty")}<//>`)}
    ${edited && html`<${FormDialog} title=${list.rows.some((row) => row.id === edited.id) ? t("edit") : t("add")} fields=${fields} fresh=${edited} onClose=${() => setEdited(null)} action=${(row) => store(row.id, row)} />`}
    ${removed && html`<${Reason} title=${t("remove")} text=${t("list.remove", { name: nameOf(removed) })} confirm=${t("remove")} danger onClose=${() => setRemoved(null)}
      action=${(reason) => store(removed.id, null, reason)} />`}</div>`;
}
