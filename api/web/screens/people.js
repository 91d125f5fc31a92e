// Who works here. The same list at every central.
import { html } from "../vendor/preact.js";
import { t } from "../lib/i18n.js";
import { ListScreen } from "../lib/list.js";
import { Badge } from "../lib/ui.js";

const STATES = ["active", "inactive"];
const fields = () => [
  { name: "name", label: t("people.name"), required: true, maxlength: 200 },
  { name: "position", label: t("people.position"), maxlength: 200 },
  { name: "phone", label: t("people.phone"), type: "tel", maxlength: 200 },
  { name: "shift", label: t("people.shift"), maxlength: 200 },
  { name: "status", label: t("people.status"), options: STATES.map((state) => [state, t(`people.state.${state}`)]) },
];

const stateBadge = (row) => html`<${Badge} tone=${row.status === "active" ? "good" : "quiet"}>${t(`people.state.${row.status}`)}<//>`;

/** On duty or off with one click: it changes with every shift. */
const toggle = (row) => (row.status === "active" ? { text: t("people.off"), row: { ...row, status: "inactive" } } : { text: t("people.on"), row: { ...row, status: "active" } });

export default function People({ who }) {
  const columns = [
    { key: "name", label: t("people.name"), cell: (row) => html`<bdi>${row.name}</bdi>` },
    { key: "position", label: t("people.position"), cell: (row) => (row.position ? html`<bdi>${row.position}</bdi>` : "–") },
    { key: "phone", label: t("people.phone"), cell: (row) => (row.phone ? html`<bdi>${row.phone}</bdi>` : "–") },
    { key: "shift", label: t("people.shift"), cell: (row) => (row.shift ? html`<bdi>${row.shift}</bdi>` : "–") },
    { key: "status", label: t("people.status"), cell: stateBadge },
  ];
  return html`<${ListScreen} title=${t("nav.people")} lead=${t("people.lead")} path="/api/staff" member="staff" fields=${fields()} columns=${columns}
    fresh=${{ status: "active" }} may=${who.roles.includes("operator")} nameOf=${(row) => row.name} toggle=${toggle} />`;
}
