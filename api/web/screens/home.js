// Is it working, how full, how much money today, and what needs a person?
import { html } from "../vendor/preact.js";
import { money, number } from "../lib/format.js";
import { t, tCode } from "../lib/i18n.js";
import { useData } from "../lib/live.js";
import { Age, Badge, Card, Empty, Shown, Stat } from "../lib/ui.js";
import { Meter } from "./lots.js";

function Verdict({ status }) {
  const bad = status.warnings?.length > 0;
  return html`<section class=${`card ${bad ? "warn" : "good"}`}><h1>${bad ? t("home.look", { n: status.warnings.length }) : t("home.good")}</h1>
    <p class="soft">${status.node} · ${t("home.version", { version: status.version })} · ${t("home.events", { n: number(status.events) })}</p></section>`;
}

const Attention = ({ warnings }) => html`<${Card} title=${t("home.attention")}>
  ${warnings.length === 0 ? html`<${Empty}>${t("home.nothing")}<//>` : html`<ul class="list">${warnings.map((warning, index) => html`<li key=${index}>
    <${Badge} tone="warn">${warning.code}<//> ${tCode(warning.code, warning.text)}</li>`)}</ul>`}<//>`;

const Lots = ({ source }) => html`<${Card} title=${t("home.lots")}><${Shown} source=${source}>${(data) => (data.parking_lots ?? []).length === 0
  ? html`<${Empty}>${t("home.no_lots")}<//>`
  : html`<ul class="list">${data.parking_lots.map((lot) => html`<li key=${lot.camera.name}><bdi>${lot.camera.name}</bdi>
      <span class="soft"> ${number(lot.occupancy.occupied)} / ${number(lot.occupancy.total_capacity)}</span>
      <${Meter} part=${lot.occupancy.occupied} whole=${lot.occupancy.total_capacity} /></li>`)}</ul>`}<//><//>`;

export default function Home() {
  const status = useData("/api/status", { every: 10000 });
  const lots = useData("/api/parking/occupancy", { every: 30000 });
  return html`<${Shown} source=${status}>${(data) => html`<div class="grid">
    <${Verdict} status=${data} />
    <div class="stats">
      <${Stat} label=${t("home.inside")} value=${number(data.parking.vehicles_in_parking)} />
      <${Stat} label=${t("home.entries")} value=${number(data.parking.entries_today)} />
      <${Stat} label=${t("home.exits")} value=${number(data.parking.exits_today)} />
      <${Stat} label=${t("home.revenue")} value=${money(data.parking.revenue_today)} />
    </div>
    <${Attention} warnings=${data.warnings ?? []} /><${Lots} source=${lots} /></div>
    <${Age} at=${status.at} />`}<//>`;
}
