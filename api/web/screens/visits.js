// All visits of all centrals: a list that stays still while it is read, and one car's whole story.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { query as search } from "../lib/api.js";
import { useCell } from "../lib/cell.js";
import { dayStart, now, startOf } from "../lib/clock.js";
import { Corrections } from "../lib/correct.js";
import { kindText } from "../lib/feed.js";
import { money, number, span } from "../lib/format.js";
import { has, language, t } from "../lib/i18n.js";
import { useData } from "../lib/live.js";
import { usePages } from "../lib/pages.js";
import { reduce } from "../lib/plate.js";
import { go, href, replace } from "../lib/router.js";
import { LongTable } from "../lib/rows.js";
import { Badge, Button, Card, Empty, Fault, Field, Loading, Plate, Shown, Tabs, Time } from "../lib/ui.js";

const PART = 3; // characters from which parts of plates are looked for
const SAID_MS = 5000; // between two things that are said to who listens
const TONES = { IN: "info", OUT: "good", SUPERSEDED: "warn", DELETED: "bad" };

export const Status = ({ visit }) => html`<span><${Badge} tone=${TONES[visit.status]}>${t(`visits.status.${visit.status}`)}<//>
  ${visit.is_anomaly && html` <${Badge} tone="warn">${t("lots.anomaly")}<//>`}${visit.suspect && html` <${Badge} tone="warn">${t("visits.suspect")}<//>`}</span>`;

const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));

/** The address's filters as the API's parameters. Days are the central's, both included. */
function parametersOf({ q = "", status = "", today = "", central = "", from = "", to = "" }) {
  const plate = reduce(q);
  const how = !plate ? {} : plate.length >= PART ? { plate_part: plate, lookalike: true } : { plate_prefix: plate };
  const first = isDay(from) ? startOf(from) : null, after = isDay(to) ? startOf(to, 1) : null;
  const days = today ? { from: new Date(dayStart(now())).toISOString() }
    : { from: first == null ? "" : new Date(first).toISOString(), to: after == null ? "" : new Date(after).toISOString() };
  return { ...how, status, central, ...days, by: (days.from || days.to) && status === "OUT" ? "left" : "" };
}

const COLUMNS = () => [
  { key: "plate", label: t("visits.plate"), cell: (visit) => html`<a href=${href("visits", visit.event_id)}><${Plate} text=${visit.plate_view} /></a>` },
  { key: "status", label: t("people.status"), cell: (visit) => html`<${Status} visit=${visit} />` },
  { key: "entry", label: t("visits.entry"), cell: (visit) => html`<span class="when"><${Time} value=${visit.entry_time} /> <bdi class="soft at" title=${visit.entry_camera_name}>${visit.entry_camera_name ?? visit.entry_central}</bdi></span>` },
  { key: "exit", label: t("visits.exit"), cell: (visit) => (visit.exit_time ? html`<span class="when"><${Time} value=${visit.exit_time} /> <bdi class="soft at" title=${visit.exit_camera_name}>${visit.exit_camera_name ?? visit.exit_central ?? ""}</bdi></span>` : "–") },
  { key: "duration", label: t("visits.duration"), number: true, cell: (visit) => (visit.duration_s == null ? "–" : span(visit.duration_s * 1000)) },
  { key: "fee", label: t("visits.fee"), number: true, cell: (visit) => (visit.status === "OUT" ? money(visit.fee) : "–") },
  { key: "lot", label: t("visits.lot"), cell: (visit) => (visit.lot ? html`<bdi class="lot" title=${visit.lot}>${visit.lot}</bdi>` : "–") },
];

const STATES = ["", "IN", "OUT", "SUPERSEDED", "DELETED"];

/** Days and central: what is not asked for every minute. */
function More({ query, filter }) {
  const mesh = useData("/api/p2p/status", { every: 0, quiet: true });
  const centrals = [mesh.data?.this_central?.id, ...(mesh.data?.peers ?? []).map((peer) => peer.peer_id)].filter(Boolean);
  return html`<details class="more-filters" open=${!!(query.from || query.to || query.central)}><summary>${t("visits.more")}</summary><div class="bar">
    <${Field} label=${t("visits.from")} type="date" value=${query.from ?? ""} onInput=${(event) => filter({ from: event.target.value, today: "" })} />
    <${Field} label=${t("visits.to")} type="date" value=${query.to ?? ""} onInput=${(event) => filter({ to: event.target.value, today: "" })} />
    <${Field} label=${t("mesh.central")} as="select" value=${query.central ?? ""} onInput=${(event) => filter({ central: event.target.value })}><option value="">${t("visits.all")}</option>
      ${[...new Set([...centrals, query.central].filter(Boolean))].map((id) => html`<option value=${id}>${id}</option>`)}<//></div></details>`;
}

/** Says which rows came by themselves, every few seconds at most: then those of all of them. */
function Arrivals({ pages, arrived }) {
  const [text, setText] = useState("");
  const heard = useRef({ n: 0, plate: "", timer: 0, at: 0 });
  useEffect(() => () => clearTimeout(heard.current.timer), []);
  useEffect(() => {
    if (!arrived?.size) return;
    const { current } = heard;
    current.n += arrived.size;
    current.plate = pages[0].rows.find((row) => arrived.has(row.event_id)).plate_view;
    current.timer ||= setTimeout(() => {
      setText(t("visits.arrived", { n: number(current.n), plate: current.plate }));
      Object.assign(current, { n: 0, timer: 0, at: Date.now() });
    }, Math.max(0, current.at + SAID_MS - Date.now()));
  }, [arrived]);
  return html`<p class="hidden" role="status">${text}</p>`;
}

const keyOf = (visit) => visit.event_id;

function List({ query }) {
  const parameters = parametersOf(query);
  const list = usePages(parameters);
  const columns = useMemo(COLUMNS, [useCell(language)]);
  const filter = (change) => replace("visits", null, { ...query, ...change });
  const count = list.pages?.reduce((sum, page) => sum + page.rows.length, 0) ?? 0;
  return html`<div class="screen"><div class="head"><div><h1>${t("nav.visits")}</h1><p>${t("visits.lead")}</p></div>
      <div class="bar"><a class="button" href=${`/api/v1/visits${search({ ...parameters, format: "csv" })}`} download="visits.csv">${t("visits.export")}</a></div></div>
    <div class="bar filters"><${Field} label=${t("visits.search")} type="search" value=${query.q ?? ""} maxlength="32" spellcheck="false" autocomplete="off" onInput=${(event) => filter({ q: event.target.value })} />
      <div class="scroll"><${Tabs} label=${t("people.status")} value=${query.status ?? ""} onChange=${(status) => filter({ status })} options=${STATES.map((state) => [state, t(state ? `visits.status.${state}` : "visits.all")])} />
        <div class="tabs"><button type="button" aria-pressed=${query.today ? "true" : "false"} onClick=${() => filter({ today: query.today ? "" : "1", from: "", to: "" })}>${t("visits.today")}</button></div></div></div>
    <${More} query=${query} filter=${filter} />
    <${Fault} error=${list.error} retry=${list.first} />
    <div role="status" class="fresh-rows">${list.fresh > 0 && html`<${Button} kind="primary" icon="up" onClick=${list.first}>${t("visits.fresh", { n: list.full ? `${number(list.fresh)}+` : number(list.fresh) })}<//>`}</div>
    <${Arrivals} pages=${list.pages} arrived=${list.arrived} />
    ${list.pages === undefined ? !list.error && html`<${Loading} />` : count === 0 && list.whole ? html`<${Empty}>${t("visits.none")}<//>`
      : html`<div class=${list.error ? "stale" : "fresh"}><${LongTable} caption=${t("nav.visits")} columns=${columns} pages=${list.pages} keyOf=${keyOf} whole=${list.whole} arrived=${list.arrived} onNear=${list.onNear} onEnd=${list.reachEnd} />
        <p class="bar"><span class="soft">${t(list.whole ? "visits.count" : "visits.count_more", { n: number(count) })}</span>${!list.whole && html`<${Button} onClick=${list.more}>${t("older")}<//>`}</p></div>`}</div>`;
}

const ruleText = (event) => (has(`rule.${event.rule}`) ? t(`rule.${event.rule}`) : event.decision ?? event.rule);

function Told({ event }) {
  const says = event.says ?? {};
  return html`<li class="told"><p><strong>${kindText(event.kind)}</strong> · <${Time} value=${event.time} seconds /> · <span translate=${false}>${event.position.node}</span>
      ${event.clock_suspect && html` <${Badge} tone="warn">${t("visits.suspect")}<//>`}</p>
    <p>${says.plate_view && html`<${Plate} text=${says.plate_view} /> `}<bdi>${says.camera_name ?? ""}</bdi> ${says.fee != null && html`<strong>${money(says.fee)}</strong>`}</p>
    ${event.rule && html`<p class="soft">${ruleText(event)}</p>`}
    ${(says.author || says.reason) && html`<p class="soft"><bdi>${says.author}</bdi>${says.author && says.reason && ": "}<bdi>${says.reason}</bdi></p>`}
    <p class="soft small">${t("visits.logged")} <${Time} value=${event.logged_at} seconds /> · <span title=${`${event.position.node}/${event.position.epoch}/${event.position.seq}`}>#${event.position.seq}</span></p></li>`;
}

function Story({ id, who }) {
  const source = useData(`/api/v1/visits/${encodeURIComponent(id)}`, { every: 0 });
  return html`<div class="screen"><p><a class="back" href=${href("visits")}>← ${t("nav.visits")}</a></p>
    <${Shown} source=${source}>${({ visit, events }) => html`<div class="screen"><div class="head"><div><h1><${Plate} text=${visit.plate_view} big /></h1><p><${Status} visit=${visit} /></p></div>
        ${who.roles.includes("operator") && html`<${Corrections} visit=${visit} onDone=${source.reload} />`}</div>
      <div class="grid"><${Card} title=${t("visits.summary")}><dl class="facts">
        <dt>${t("visits.entry")}</dt><dd><${Time} value=${visit.entry_time} seconds /> · <bdi>${visit.entry_camera_name ?? ""}</bdi> · <span class="lot">${visit.entry_central}</span></dd>
        <dt>${t("visits.exit")}</dt><dd>${visit.exit_time ? html`<${Time} value=${visit.exit_time} seconds /> · <bdi>${visit.exit_camera_name ?? ""}</bdi> · <span class="lot">${visit.exit_central}</span>` : visit.status === "IN" ? t("visits.still") : "–"}</dd>
        <dt>${t("visits.duration")}</dt><dd>${visit.duration_s == null ? "–" : span(visit.duration_s * 1000)}</dd>
        <dt>${t("visits.fee")}</dt><dd>${visit.status === "OUT" ? money(visit.fee) : "–"}</dd>
        <dt>${t("visits.lot")}</dt><dd><bdi>${visit.lot ?? "–"}</bdi></dd>
        ${visit.superseded_by && html`<dt>${t("visits.superseded_by")}</dt><dd><a href=${href("visits", visit.superseded_by)}>${visit.superseded_by}</a></dd>`}
      </dl><//>
      <${Card} title=${t("visits.story")}><ol class="story">${events.map((event) => html`<${Told} key=${`${event.position.node}/${event.position.epoch}/${event.position.seq}`} event=${event} />`)}</ol>
        <p><button type="button" class="button" onClick=${() => go("visits", null, { q: visit.plate_view })}>${t("visits.same_plate")}</button></p><//></div></div>`}<//></div>`;
}

export default function Visits({ id, query, who }) {
  return id ? html`<${Story} key=${id} id=${id} who=${who} />` : html`<${List} query=${query} />`;
}
