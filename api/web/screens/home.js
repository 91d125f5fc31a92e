// Is it working, how full, how much money today, and what needs a person?
import { html, useMemo, useState } from "../vendor/preact.js";
import { query } from "../lib/api.js";
import { Chart } from "../lib/chart.js";
import { dayStart, now, wall } from "../lib/clock.js";
import { money, number } from "../lib/format.js";
import { t, tCode } from "../lib/i18n.js";
import { useData } from "../lib/live.js";
import { href } from "../lib/router.js";
import { Age, Badge, Card, Empty, Shown, Stat, Tabs } from "../lib/ui.js";
import { Meter } from "./lots.js";

const HOUR_MS = 3600000;
const WEEK = 7; // days
const COUNTED = 20; // conflicts; more are "20+"

/** What the conflicts of the last days are, of those that a person can do something about. */
function openConflicts(data) {
  const list = (data?.conflicts ?? []).filter((conflict) => conflict.advice);
  return { n: list.length, text: data?.next && list.length >= COUNTED ? `${COUNTED}+` : number(list.length) };
}

function Verdict({ status, todo }) {
  return html`<section class=${`card wide verdict ${todo ? "warn" : "good"}`}><h1>${todo ? t("home.look", { n: todo }) : t("home.good")}</h1>
    <p class="soft">${t("home.version", { version: status.version })} · ${t("home.events", { n: number(status.events) })}</p></section>`;
}

const Attention = ({ warnings, away, conflicts }) => html`<${Card} title=${t("home.attention")}>
  ${warnings.length + away.length + conflicts.n === 0 ? html`<${Empty}>${t("home.nothing")}<//>` : html`<ul class="list todo">${warnings.map((warning) => html`<li key=${warning.code + warning.text}>
    <a href=${href("health")}>${tCode(warning.code, warning.text)}</a> <${Badge} tone="warn">${warning.code}<//></li>`)}
    ${away.map((peer) => html`<li key=${peer.peer_id}><a href=${href("mesh")}>${t("mesh.away", { id: peer.peer_id })}</a></li>`)}
    ${conflicts.n > 0 && html`<li><a href=${href("conflicts")}>${t("home.conflicts", { n: conflicts.text })}</a></li>`}</ul>`}<//>`;

const Lots = ({ source }) => html`<${Card} title=${t("home.lots")}><${Shown} source=${source}>${(data) => (data.parking_lots ?? []).length === 0
  ? html`<${Empty}>${t("home.no_lots")}<//>`
  : html`<ul class="list">${data.parking_lots.map((lot) => html`<li key=${lot.camera.name}><div class="row"><a href=${href("lots")}><bdi>${lot.camera.name}</bdi></a>
      <span class="soft">${number(lot.occupancy.occupied)} / ${number(lot.occupancy.total_capacity)}</span></div>
      <${Meter} part=${lot.occupancy.occupied} whole=${lot.occupancy.total_capacity} /></li>`)}</ul>`}<//><//>`;

/** The starts of the hours of the central's day that begins at `start`; there may be 23 or 25. */
const hoursFrom = (start) => Array.from({ length: Math.round((dayStart(start, 1) - start) / HOUR_MS) }, (_, hour) => start + hour * HOUR_MS);

/** The value of each hour; null for those to come. */
function valuesOf(groups, hours, member) {
  const found = new Map((groups ?? []).map((group) => [Date.parse(group.from), group[member]]));
  return hours.map((hour) => (hour > now() ? null : found.get(hour) ?? 0));
}

/** How many were inside at the end of each hour: what the last hour with something in it says. */
function insideOf(groups, hours) {
  const known = (groups ?? []).map((group) => ({ at: Date.parse(group.from), inside: group.inside }));
  return hours.map((hour) => (hour > now() ? null : known.filter((one) => one.at <= hour).at(-1)?.inside ?? null));
}

const VIEWS = ["flow", "inside", "revenue"];

function Hours() {
  const [view, setView] = useState("flow");
  const start = dayStart(now()), before = dayStart(start, -WEEK);
  // A day more, so that what was inside at midnight is known when nothing happened since.
  const path = (from) => `/api/v1/stats${query({ by: "hour", from: new Date(dayStart(from, -1)).toISOString(), to: new Date(dayStart(from, 1)).toISOString() })}`;
  const here = useData(path(start), { every: 60000, quiet: true });
  const past = useData(path(before), { every: 0, quiet: true });
  const labels = useMemo(() => hoursFrom(start).map((hour) => `${wall(hour).getUTCHours()}h`), [start]);
  const series = useMemo(() => {
    const today = here.data?.groups, then = past.data?.groups, hours = hoursFrom(start);
    const lastWeek = hoursFrom(before).slice(0, hours.length);
    if (view === "inside") return [{ name: t("home.inside"), values: insideOf(today, hours) }, { name: t("home.week_ago"), values: insideOf(then, lastWeek) }];
    if (view === "revenue") return [{ name: t("home.revenue"), values: valuesOf(today, hours, "revenue") }, { name: t("home.week_ago"), values: valuesOf(then, lastWeek, "revenue") }];
    return [{ name: t("home.entries"), values: valuesOf(today, hours, "entries") }, { name: t("home.exits"), values: valuesOf(today, hours, "exits") },
      { name: t("home.entries_week_ago"), values: valuesOf(then, lastWeek, "entries") }];
  }, [here.data, past.data, start, view]);
  return html`<section class="card wide"><header><h2>${t("home.hours")}</h2><${Tabs} label=${t("home.hours")} value=${view} onChange=${setView} options=${VIEWS.map((one) => [one, t(`home.view.${one}`)])} /></header>
    <${Shown} source=${here}>${() => html`<${Chart} title=${t("home.hours")} labels=${labels} series=${series} />`}<//></section>`;
}

/** "of 52 places" where lots are known. */
function placesOf(lots) {
  const whole = (lots?.parking_lots ?? []).reduce((sum, lot) => sum + lot.occupancy.total_capacity, 0);
  return whole > 0 ? t("home.places", { n: number(whole) }) : null;
}

export default function Home() {
  const status = useData("/api/status", { every: 10000 });
  const mesh = useData("/api/p2p/status", { every: 3000, quiet: true });
  const lots = useData("/api/parking/occupancy", { every: 30000 });
  const since = new Date(dayStart(now(), -WEEK)).toISOString();
  const conflicts = useData(`/api/v1/conflicts${query({ from: since, limit: COUNTED })}`, { every: 60000, quiet: true });
  const away = (mesh.data?.peers ?? []).filter((peer) => !peer.connected);
  const found = openConflicts(conflicts.data);
  return html`<${Shown} source=${status}>${(data) => html`<div class="grid two">
    <${Verdict} status=${data} todo=${(data.warnings ?? []).length + away.length + (found.n > 0 ? 1 : 0)} />
    <div class="stats wide">
      <${Stat} label=${t("home.inside")} value=${number(data.parking.vehicles_in_parking)} hint=${placesOf(lots.data)} to=${href("visits", null, { status: "IN" })} />
      <${Stat} label=${t("home.entries")} value=${number(data.parking.entries_today)} to=${href("visits", null, { today: "1" })} />
      <${Stat} label=${t("home.exits")} value=${number(data.parking.exits_today)} to=${href("visits", null, { status: "OUT", today: "1" })} />
      <${Stat} label=${t("home.revenue")} value=${money(data.parking.revenue_today)} to=${href("visits", null, { status: "OUT", today: "1" })} />
    </div>
    <${Attention} warnings=${data.warnings ?? []} away=${away} conflicts=${found} /><${Lots} source=${lots} /><${Hours} />
    <${Age} at=${status.at} /></div>`}<//>`;
}
