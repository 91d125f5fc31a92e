// Is it working, how full, how much money today, and what needs a person?
import { html, useMemo } from "../vendor/preact.js";
import { query } from "../lib/api.js";
import { Chart } from "../lib/chart.js";
import { money, number } from "../lib/format.js";
import { t, tCode } from "../lib/i18n.js";
import { useData } from "../lib/live.js";
import { href } from "../lib/router.js";
import { Age, Badge, Card, Empty, Shown, Stat } from "../lib/ui.js";
import { Meter } from "./lots.js";

const HOUR_MS = 3600000;
const WEEK_MS = 7 * 24 * HOUR_MS;

function Verdict({ status, away }) {
  const list = status.warnings ?? [];
  return html`<section class=${`card wide ${list.length ? "warn" : "good"}`}><h1>${list.length ? t("home.look", { n: list.length }) : t("home.good")}</h1>
    <p class="soft">${t("home.version", { version: status.version })} · ${t("home.events", { n: number(status.events) })}</p>
    ${away.map((peer) => html`<p key=${peer.peer_id}><a href=${href("mesh")}>${peer.ahead > 0 ? t("mesh.waits", { n: number(peer.ahead), id: peer.peer_id }) : t("mesh.away", { id: peer.peer_id })}</a></p>`)}</section>`;
}

const Attention = ({ warnings, conflicts }) => html`<${Card} title=${t("home.attention")}>
  ${warnings.length + conflicts === 0 ? html`<${Empty}>${t("home.nothing")}<//>` : html`<ul class="list">${warnings.map((warning, index) => html`<li key=${index}>
    <a href=${href("health")}>${tCode(warning.code, warning.text)}</a> <${Badge} tone="warn">${warning.code}<//></li>`)}
    ${conflicts > 0 && html`<li><a href=${href("conflicts")}>${t("home.conflicts")}</a></li>`}</ul>`}<//>`;

const Lots = ({ source }) => html`<${Card} title=${t("home.lots")}><${Shown} source=${source}>${(data) => (data.parking_lots ?? []).length === 0
  ? html`<${Empty}>${t("home.no_lots")}<//>`
  : html`<ul class="list">${data.parking_lots.map((lot) => html`<li key=${lot.camera.name}><a href=${href("lots")}><bdi>${lot.camera.name}</bdi></a>
      <span class="soft"> ${number(lot.occupancy.occupied)} / ${number(lot.occupancy.total_capacity)}</span>
      <${Meter} part=${lot.occupancy.occupied} whole=${lot.occupancy.total_capacity} /></li>`)}</ul>`}<//><//>`;

function today() {
  const day = new Date();
  day.setHours(0, 0, 0, 0);
  return day.getTime();
}

/** The value of each of the day's 24 hours; null for hours to come. */
function hoursOf(groups, start, member) {
  const found = new Map((groups ?? []).map((group) => [new Date(group.from).getTime(), group[member]]));
  return Array.from({ length: 24 }, (_, hour) => (start + hour * HOUR_MS > Date.now() ? null : found.get(start + hour * HOUR_MS) ?? 0));
}

function Hours() {
  const start = today();
  const path = (from) => `/api/v1/stats${query({ by: "hour", from: new Date(from).toISOString(), to: new Date(from + 24 * HOUR_MS - 1).toISOString() })}`;
  const now = useData(path(start), { every: 60000, quiet: true });
  const before = useData(path(start - WEEK_MS), { every: 0, quiet: true });
  const series = useMemo(() => [
    { name: t("home.entries"), values: hoursOf(now.data?.groups, start, "entries") },
    { name: t("home.exits"), values: hoursOf(now.data?.groups, start, "exits") },
    { name: t("home.week_ago"), values: hoursOf(before.data?.groups, start - WEEK_MS, "entries") },
  ], [now.data, before.data, start]);
  const times = useMemo(() => Array.from({ length: 24 }, (_, hour) => (start + hour * HOUR_MS) / 1000), [start]);
  return html`<section class="card wide"><header><h2>${t("home.hours")}</h2></header><${Shown} source=${now}>${() => html`<${Chart} title=${t("home.hours")} times=${times} series=${series} />`}<//></section>`;
}

export default function Home() {
  const status = useData("/api/status", { every: 10000 });
  const mesh = useData("/api/p2p/status", { every: 3000, quiet: true });
  const lots = useData("/api/parking/occupancy", { every: 30000 });
  const conflicts = useData("/api/v1/conflicts?limit=1", { every: 60000, quiet: true });
  const away = (mesh.data?.peers ?? []).filter((peer) => !peer.connected);
  return html`<${Shown} source=${status}>${(data) => html`<div class="grid">
    <${Verdict} status=${data} away=${away} />
    <div class="stats wide">
      <${Stat} label=${t("home.inside")} value=${number(data.parking.vehicles_in_parking)} to=${href("visits", null, { status: "IN" })} />
      <${Stat} label=${t("home.entries")} value=${number(data.parking.entries_today)} to=${href("visits", null, { today: "1" })} />
      <${Stat} label=${t("home.exits")} value=${number(data.parking.exits_today)} to=${href("visits", null, { status: "OUT" })} />
      <${Stat} label=${t("home.revenue")} value=${money(data.parking.revenue_today)} to=${href("visits", null, { status: "OUT" })} />
    </div>
    <${Attention} warnings=${data.warnings ?? []} conflicts=${conflicts.data?.conflicts?.length ?? 0} /><${Lots} source=${lots} /><${Hours} /></div>
    <${Age} at=${status.at} />`}<//>`;
}
