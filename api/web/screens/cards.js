// Who pays by the month. A valid subscription makes the exit free, at every central.
import { html } from "../vendor/preact.js";
import { dayOf, now } from "../lib/clock.js";
import { dayText } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { ListScreen } from "../lib/list.js";
import { Badge, Plate } from "../lib/ui.js";

const TYPES = ["monthly", "company", "regular"];
const fields = () => [
  { name: "plate_number", label: t("cards.plate"), required: true, maxlength: 32, autocomplete: "off" },
  { name: "owner_name", label: t("cards.owner"), maxlength: 200 },
  { name: "type", label: t("cards.type"), options: TYPES.map((type) => [type, t(`cards.type.${type}`)]) },
  { name: "phone", label: t("people.phone"), type: "tel", maxlength: 200 },
  { name: "start_date", label: t("cards.start"), type: "date" },
  { name: "end_date", label: t("cards.end"), type: "date" },
  { name: "status", label: t("people.status"), options: ["active", "inactive"].map((state) => [state, t(`cards.state.${state}`)]) },
  { name: "note", label: t("cards.note"), maxlength: 200 },
];

/** The kind of customer in words; what is free text stays as it is. */
export const kindOfCard = (type) => (TYPES.includes(type) ? t(`cards.type.${type}`) : type);

/** Whether it holds on the day `today` ("YYYY-MM-DD"). */
function validity(row, today) {
  if (row.status !== "active") return html`<${Badge}>${t("cards.state.inactive")}<//>`;
  if (row.start_date && today < row.start_date) return html`<${Badge} tone="info">${t("cards.later")}<//>`;
  if (row.end_date && today > row.end_date) return html`<${Badge} tone="bad">${t("cards.over")}<//>`;
  return html`<${Badge} tone="good">${t("cards.valid")}<//>`;
}

export default function Cards({ who }) {
  const today = dayOf(now());
  const columns = [
    { key: "plate", label: t("cards.plate"), cell: (row) => html`<${Plate} text=${row.plate_number} />` },
    { key: "owner", label: t("cards.owner"), cell: (row) => (row.owner_name ? html`<bdi>${row.owner_name}</bdi>` : "–") },
    { key: "type", label: t("cards.type"), cell: (row) => html`<bdi>${kindOfCard(row.type)}</bdi>` },
    { key: "dates", label: t("cards.dates"), cell: (row) => (row.start_date || row.end_date ? `${dayText(row.start_date)} – ${dayText(row.end_date)}` : t("cards.always")) },
    { key: "phone", label: t("people.phone"), cell: (row) => (row.phone ? html`<bdi>${row.phone}</bdi>` : "–") },
    { key: "validity", label: t("people.status"), cell: (row) => validity(row, today) },
  ];
  return html`<${ListScreen} title=${t("nav.cards")} lead=${t("cards.lead")} path="/api/subscriptions" member="subscriptions" fields=${fields()} columns=${columns}
    fresh=${{ status: "active", type: "monthly" }} may=${who.roles.includes("admin")} nameOf=${(row) => row.plate_number} />`;
}
