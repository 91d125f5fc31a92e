// What is wrong, in words and with what to do; and who did what.
import { html, useState } from "../vendor/preact.js";
import { query } from "../lib/api.js";
import { Feed } from "../lib/feed.js";
import { now, skew, zone } from "../lib/clock.js";
import { bytes, number, span, time } from "../lib/format.js";
import { has, t, tCode } from "../lib/i18n.js";
import { useData } from "../lib/live.js";
import { Age, Badge, Button, Card, Empty, Field, Shown, Stat, Table, Time } from "../lib/ui.js";

const PAGE = 50;
const LITTLE_DISK = 2e9; // bytes; for a person to look before the disk is full

const Warnings = ({ list }) => html`<${Card} title=${t("health.warnings")} tone=${list.length ? "warn" : "good"}>
  ${list.length === 0 ? html`<${Empty}>${t("home.nothing")}<//>` : html`<ul class="list">${list.map((warning, index) => html`<li key=${index}>
    <${Badge} tone="warn">${warning.code}<//> <strong>${tCode(warning.code, warning.text)}</strong>
    ${has(`do.${warning.code}`) && html`<p class="soft">${t(`do.${warning.code}`)}</p>`}
    ${warning.text && has(`code.${warning.code}`) && html`<details><summary>${t("health.detail")}</summary><p>${warning.text}</p></details>`}</li>`)}</ul>`}<//>`;

const kindName = (kind) => (has(`audit.${kind}`) ? t(`audit.${kind}`) : kind);

function Audit() {
  const [author, setAuthor] = useState("");
  const [cursor, setCursor] = useState(null);
  const source = useData(`/api/v1/audit${query({ limit: PAGE, author, cursor })}`, { quiet: true, every: cursor ? 0 : 30000 });
  const columns = [
    { key: "time", label: t("health.time"), cell: (entry) => html`<${Time} value=${entry.time} seconds />` },
    { key: "kind", label: t("health.what"), cell: (entry) => kindName(entry.kind) },
    { key: "author", label: t("health.who"), cell: (entry) => (entry.author ? html`<bdi>${entry.author}</bdi>` : "–") },
    { key: "subject", label: t("health.subject"), cell: (entry) => (entry.subject ? html`<bdi>${entry.subject}</bdi>` : "–") },
    { key: "reason", label: t("reason"), cell: (entry) => (entry.reason ? html`<bdi>${entry.reason}</bdi>` : "–") },
    { key: "central", label: t("mesh.central"), cell: (entry) => html`<span class="lot" translate=${false}>${entry.central}</span>` },
  ];
  return html`<${Card} title=${t("health.audit")}>
    <${Field} label=${t("health.who")} value=${author} maxlength="63" onInput=${(event) => {
      setCursor(null);
      setAuthor(event.target.value.trim());
    }} />
    <${Shown} source=${source}>${(data) => html`<div>${data.entries.length === 0 ? html`<${Empty}>${t("list.no_match")}<//>`
      : html`<${Table} caption=${t("health.audit")} columns=${columns} rows=${data.entries} keyOf=${(entry) => `${entry.time} ${entry.kind} ${entry.subject}`} />`}
      <p class="bar">${cursor && html`<${Button} onClick=${() => setCursor(null)}>${t("newest")}<//>`}
        ${data.next && html`<${Button} onClick=${() => setCursor(data.next)}>${t("older")}<//>`}</p></div>`}<//><//>`;
}

// Programs that listen to the bus. ZeroMQ does not tell what it dropped for one; it fetches that again.
function Bus() {
  const source = useData("/api/v1/bus", { every: 10000, quiet: true });
  const topics = [
    { key: "topic", label: t("health.bus_topic"), cell: (item) => html`<code translate=${false}>${item.topic}</code>` },
    { key: "subscribers", label: t("health.bus_subscribers"), cell: (item) => number(item.subscribers) },
  ];
  const replays = [
    { key: "begun_at", label: t("health.time"), cell: (item) => html`<${Time} value=${item.begun_at} seconds />` },
    { key: "address", label: t("health.bus_from"), cell: (item) => html`<span translate=${false}>${item.address}</span>` },
    { key: "topic", label: t("health.bus_topic"), cell: (item) => html`<code translate=${false}>${item.topic}</code>` },
    { key: "fetched", label: t("health.bus_messages"), cell: (item) => number(item.fetched) },
  ];
  return html`<${Card} title=${t("health.bus")}><${Shown} source=${source}>${(bus) => (!bus.listening ? html`<p>${t("health.bus_off")}</p>` : html`<div>
    <p class="soft">${t(bus.encrypted ? "health.bus_encrypted" : "health.bus_plain", { address: bus.address, port: bus.port })}</p>
    ${bus.topics.length === 0 ? html`<${Empty}>${t("health.bus_nobody")}<//>` : html`<${Table} caption=${t("health.bus")} columns=${topics} rows=${bus.topics} keyOf=${(item) => item.topic} />`}
    ${bus.recent_replays.length > 0 && html`<details><summary>${t("health.bus_replays", { count: number(bus.recent_replays.length) })}</summary>
      <${Table} caption=${t("health.bus_replays", { count: number(bus.recent_replays.length) })} columns=${replays} rows=${bus.recent_replays} keyOf=${(item) => `${item.begun_at} ${item.address} ${item.topic}`} /></details>`}</div>`)}<//><//>`;
}

const CLOCK_MS = 60000; // a machine whose clock is further off than that shows ages that surprise

export default function Health({ who }) {
  const source = useData("/api/status", { every: 5000, quiet: true });
  return html`<div class="screen"><div class="head"><div><h1>${t("nav.health")}</h1><p>${t("health.lead")}</p></div></div>
    <${Shown} source=${source}>${(data) => html`<div class="screen"><${Warnings} list=${data.warnings ?? []} />
      <div class="stats six"><${Stat} label=${t("health.ready")} value=${t(data.ready ? "health.yes" : "health.no")} hint=${t("health.up", { span: span(data.uptime_s * 1000) })} tone=${data.ready ? "good" : "bad"} />
        <${Stat} label=${t("health.disk")} value=${bytes(data.disk.free_bytes)} hint=${data.disk.total_bytes == null ? null : t("health.of", { whole: bytes(data.disk.total_bytes) })} tone=${(data.disk.free_bytes ?? Infinity) < LITTLE_DISK ? "warn" : ""} />
        <${Stat} label=${t("health.database")} value=${bytes(data.disk.database_bytes)} hint=${t("health.wal", { size: bytes(data.disk.wal_bytes) })} />
        <${Stat} label=${t("health.events")} value=${number(data.events)} />
        <${Stat} label=${t("health.clock")} value=${time(now(), { seconds: true })} hint=${zone()} />
        <${Stat} label=${t("mesh.version")} value=${data.version} hint=${data.node} /></div>
      ${Math.abs(skew()) > CLOCK_MS && html`<p class="note" role="status">${t("health.skew", { span: span(Math.abs(skew())) })}</p>`}
      <${Age} at=${source.at} /></div>`}<//>
    <${Feed} />
    <${Bus} />
    ${who.roles.includes("admin") && html`<${Audit} />`}</div>`;
}
