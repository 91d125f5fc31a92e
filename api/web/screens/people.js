// Who works here. The same list at every central.
import { html } from "../vendor/preact.js";
import { t } from "../lib/i18n.js";
import { ListScreen } from "../lib/list.js";
import { Badge } from "../lib/ui.js";

export const STATES = [["active", "state.active"], ["inactive", "state.inactive"]];
const FIELDS = [
  { name: "name", label: "people.name", required: true },
  { name: "position", label: "people.position" },
  { name: "phone", label: "people.phone", type: "tel" },
  { name: "shift", label: "people.shift" },
  { name: "status", label: "people.status", options: STATES },
];

export const stateBadge = (row) => html`<${Badge} tone=${row.status === "active" ? "good" : "quiet"}>${t(`state.${row.status}`)}<//>`;

export default function People({ who }) {
  const columns = [
    { key: "name", label: t("people.name"), cell: (row) => html`<bdi>${row.name}</bdi>` },
    { key: "position", label: t("people.position"), cell: (row) => html`<bdi>${row.position}</bdi>` },
    { key: "phone", label: t("people.phone"), cell: (row) => html`<bdi>${row.phone}</bdi>` },
    { key: "shift", label: t("people.shift"), cell: (row) => html`<bdi>${row.shift}</bdi>` },
    { key: "status", label: t("people.status"), cell: stateBadge },
  ];
  return html`<${ListScreen} title=${t("nav.people")} lead=${t("people.lead")} path="/api/staff" member="staff" fields=${FIELDS} columns=${columns}
    fresh=${{ status: "active" }} may=${who.roles.includes("operator")} nameOf=${(row) => row.name} />`;
}
