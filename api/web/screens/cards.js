// Who pays by the month. A valid subscription makes the exit free, at every central.
import { html } from "../vendor/preact.js";
import { t } from "../lib/i18n.js";
import { ListScreen } from "../lib/list.js";
import { Badge, Plate } from "../lib/ui.js";
import { STATES, stateBadge } from "./people.js";

const FIELDS = [
  { name: "plate_number", label: "cards.plate", required: true },
  { name: "owner_name", label: "cards.owner" },
  { name: "type", label: "cards.type", options: [["monthly", "cards.type.monthly"], ["company", "cards.type.company"], ["regular", "cards.type.regular"]] },
  { name: "phone", label: "people.phone", type: "tel" },
  { name: "start_date", label: "cards.start", type: "date" },
  { name: "end_date", label: "cards.end", type: "date" },
  { name: "status", label: "people.status", options: STATES },
  { name: "note", label: "cards.note" },
];

/** Whether it holds on the day `today` ("YYYY-MM-DD"). */
function validity(row, today) {
  if (row.status !== "active") return stateBadge(row);
  if (row.start_date && today < row.start_date) return html`<${Badge} tone="info">${t("cards.later")}<//>`;
  if (row.end_date && today > row.end_date) return html`<${Badge} tone="bad">${t("cards.over")}<//>`;
  return html`<${Badge} tone="good">${t("cards.valid")}<//>`;
}

export default function Cards({ who }) {
  const now = new Date();
  const today = new Date(now.getTime() - now.getTimezoneOffset() * 60000).toISOString().slice(0, 10);
  const columns = [
    { key: "plate", label: t("cards.plate"), cell: (row) => html`<${Plate} text=${row.plate_number} />` },
    { key: "owner", label: t("cards.owner"), cell: (row) => html`<bdi>${row.owner_name}</bdi>` },
    { key: "type", label: t("cards.type"), cell: (row) => html`<bdi>${["monthly", "company", "regular"].includes(row.type) ? t(`cards.type.${row.type}`) : row.type}</bdi>` },
    { key: "dates", label: t("cards.dates"), cell: (row) => `${row.start_date || "…"} – ${row.end_date || "…"}` },
    { key: "phone", label: t("people.phone"), cell: (row) => html`<bdi>${row.phone}</bdi>` },
    { key: "validity", label: t("people.status"), cell: (row) => validity(row, today) },
  ];
  return html`<${ListScreen} title=${t("nav.cards")} lead=${t("cards.lead")} path="/api/subscriptions" member="subscriptions" fields=${FIELDS} columns=${columns}
    fresh=${{ status: "active", type: "monthly" }} may=${who.roles.includes("admin")} nameOf=${(row) => row.plate_number} />`;
}
