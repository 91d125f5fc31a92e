// All visits of all centrals: a list that stays still while it is read, and one car's whole story.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { get, query as search } from "../lib/api.js";
import { Corrections } from "../lib/correct.js";
import { money, span } from "../lib/format.js";
import { has, t } from "../lib/i18n.js";
import { onNotice, useData } from "../lib/live.js";
import { reduce } from "../lib/plate.js";
import { go, href, replace } from "../lib/router.js";
import { Badge, Button, Card, Empty, Fault, Field, Plate, Shown, Table, Time } from "../lib/ui.js";

const PAGE = 50;
const PART = 3; // characters from which parts of plates are looked for
const PAUSE_MS = 200;
const TONES = { IN: "info", OUT: "good", SUPERSEDED: "warn", DELETED: "bad" };

export const Status = ({ visit }) => html`<${Badge} tone=${TONES[visit.status]}>${t(`visits.status.${visit.status}`)}<//>
  ${visit.is_anomaly && html` <${Badge} tone="warn">${t("lots.anomaly")}<//>`}${visit.suspect && html` <${Badge} tone="warn">${t("visits.suspect")}<//>`}`;

function midnight() {
  const day = new Date();
  day.setHours(0, 0, 0, 0);
  return day.toISOString();
}

/** The address's filters as the API's parameters. */
function parametersOf({ q = "", status = "", today = "", central = "" }) {
  const plate = reduce(q);
  const how = !plate ? {} : plate.length >= PART ? { plate_part: plate, lookalike: true } : { plate_prefix: plate };
  return { ...how, status, central, from: today ? midnight() : "" };
}

/** Pages of the list. New rows are counted, and shown when asked for. */
function usePages(parameters) {
  const key = search({ ...parameters, limit: PAGE });
  const [state, setState] = useState({ rows: undefined, next: "", error: null, fresh: 0 });
  const turn = useRef(0);
  const soon = useRef(0);
  const load = async (cursor) => {
    const mine = ++turn.current;
    try {
      const data = await get(`/api/v1/visits${search({ ...parameters, limit: PAGE, cursor })}`);
      if (mine !== turn.current) return;
      setState((old) => ({ rows: cursor ? [...(old.rows ?? []), ...data.visits] : data.visits, next: data.next, error: null, fresh: cursor ? old.fresh : 0 }));
    } catch (error) {
      if (mine === turn.current) setState((old) => ({ ...old, error }));
    }
  };
  useEffect(() => {
    const timer = setTimeout(() => load(""), PAUSE_MS);
    return () => {
      clearTimeout(timer);
      turn.current++;
    };
  }, [key]);
  useEffect(() => onNotice((notice) => {
    if (notice.type === "resync" || scrollY < 40) {
      clearTimeout(soon.current);
      soon.current = setTimeout(() => load(""), 400);
    } else {
      setState((old) => ({ ...old, fresh: old.fresh + 1 }));
    }
  }), [key]);
  return { ...state, more: () => load(state.next), first: () => {
    scrollTo({ top: 0 });
    load("");
  } };
}

const COLUMNS = () => [
  { key: "plate", label: t("visits.plate"), cell: (visit) => html`<a href=${href("visits", visit.event_id)}><${Plate} text=${visit.plate_view} /></a>` },
  { key: "status", label: t("people.status"), cell: (visit) => html`<${Status} visit=${visit} />` },
  { key: "entry", label: t("visits.entry"), cell: (visit) => html`<span><${Time} value=${visit.entry_time} /> <bdi class="soft">${visit.entry_camera_name ?? visit.entry_central}</bdi></span>` },
  { key: "exit", label: t("visits.exit"), cell: (visit) => html`<span><${Time} value=${visit.exit_time} /> <bdi class="soft">${visit.exit_camera_name ?? visit.exit_central ?? ""}</bdi></span>` },
  { key: "duration", label: t("visits.duration"), number: true, cell: (visit) => (visit.duration_s == null ? "–" : span(visit.duration_s * 1000)) },
  { key: "fee", label: t("visits.fee"), number: true, cell: (visit) => (visit.status === "OUT" ? money(visit.fee) : "–") },
  { key: "lot", label: t("visits.lot"), cell: (visit) => html`<bdi>${visit.lot ?? "–"}</bdi>` },
];

const STATES = ["", "IN", "OUT", "SUPERSEDED", "DELETED"];

function List({ query }) {
  const parameters = parametersOf(query);
  const list = usePages(parameters);
  const filter = (change) => replace("visits", null, { ...query, ...change });
  return html`<div class="head"><div><h1>${t("nav.visits")}</h1><p>${t("visits.lead")}</p></div>
      <div class="bar"><a class="button" href=${`/api/v1/visits${search({ ...parameters, format: "csv" })}`} download="visits.csv">${t("visits.export")}</a></div></div>
    <div class="bar"><${Field} label=${t("visits.search")} type="search" value=${query.q ?? ""} maxlength="32" spellcheck="false" autocomplete="off" onInput=${(event) => filter({ q: event.target.value })} />
      <div class="tabs" role="group" aria-label=${t("people.status")}>${STATES.map((state) => html`<button type="button" key=${state} aria-pressed=${(query.status ?? "") === state ? "true" : "false"}
        onClick=${() => filter({ status: state })}>${t(state ? `visits.status.${state}` : "visits.all")}</button>`)}
        <button type="button" aria-pressed=${query.today ? "true" : "false"} onClick=${() => filter({ today: query.today ? "" : "1" })}>${t("visits.today")}</button></div></div>
    <${Fault} error=${list.error} retry=${list.first} />
    ${list.fresh > 0 && html`<p class="fresh-rows"><${Button} kind="primary" icon="up" onClick=${list.first}>${t("visits.fresh", { n: list.fresh })}<//></p>`}
    ${list.rows === undefined ? html`<${Empty}>${t("loading")}<//>` : list.rows.length === 0 ? html`<${Empty}>${t("visits.none")}<//>`
      : html`<${Table} caption=${t("nav.visits")} columns=${COLUMNS()} rows=${list.rows} keyOf=${(visit) => visit.event_id} />`}
    ${list.next && html`<p class="bar"><${Button} onClick=${list.more}>${t("older")}<//></p>`}`;
}

const ruleText = (event) => (has(`rule.${event.rule}`) ? t(`rule.${event.rule}`) : event.decision ?? event.rule);
const kindText = (kind) => (has(`kind.${kind}`) ? t(`kind.${kind}`) : kind);

function Told({ event }) {
  const says = event.says ?? {};
  return html`<li class="told"><p><strong>${kindText(event.kind)}</strong> · <${Time} value=${event.time} seconds /> · <span translate="no">${event.position.node}</span>
      ${event.clock_suspect && html` <${Badge} tone="warn">${t("visits.suspect")}<//>`}</p>
    <p>${says.plate_view && html`<${Plate} text=${says.plate_view} /> `}<bdi>${says.camera_name ?? ""}</bdi> ${says.fee != null && html`<strong>${money(says.fee)}</strong>`}</p>
    ${event.rule && html`<p class="soft">${ruleText(event)}</p>`}
    ${says.author && html`<p class="soft"><bdi>${says.author}</bdi>${says.reason && html`: <bdi>${says.reason}</bdi>`}</p>`}
    <p class="soft small">${t("visits.logged")} <${Time} value=${event.logged_at} seconds /> · ${event.position.node}/${event.position.epoch}/${event.position.seq}</p></li>`;
}

function Story({ id, who }) {
  const source = useData(`/api/v1/visits/${encodeURIComponent(id)}`, { every: 0 });
  return html`<p><a href=${href("visits")}>← ${t("nav.visits")}</a></p>
    <${Shown} source=${source}>${({ visit, events }) => html`<div class="head"><div><h1><${Plate} text=${visit.plate_view} big /></h1><p><${Status} visit=${visit} /></p></div>
        ${who.roles.includes("operator") && html`<${Corrections} visit=${visit} onDone=${source.reload} />`}</div>
      <div class="grid"><${Card} title=${t("visits.summary")}><dl class="facts">
        <dt>${t("visits.entry")}</dt><dd><${Time} value=${visit.entry_time} seconds /> · <bdi>${visit.entry_camera_name ?? ""}</bdi> · ${visit.entry_central}</dd>
        <dt>${t("visits.exit")}</dt><dd>${visit.exit_time ? html`<${Time} value=${visit.exit_time} seconds /> · <bdi>${visit.exit_camera_name ?? ""}</bdi> · ${visit.exit_central}` : t("visits.still")}</dd>
        <dt>${t("visits.duration")}</dt><dd>${visit.duration_s == null ? "–" : span(visit.duration_s * 1000)}</dd>
        <dt>${t("visits.fee")}</dt><dd>${visit.status === "OUT" ? money(visit.fee) : "–"}</dd>
        <dt>${t("visits.lot")}</dt><dd><bdi>${visit.lot ?? "–"}</bdi></dd>
        ${visit.superseded_by && html`<dt>${t("visits.superseded_by")}</dt><dd><a href=${href("visits", visit.superseded_by)}>${visit.superseded_by}</a></dd>`}
      </dl><//>
      <${Card} title=${t("visits.story")}><ol class="story">${events.map((event) => html`<${Told} key=${`${event.position.node}/${event.position.epoch}/${event.position.seq}`} event=${event} />`)}</ol>
        <p><button type="button" class="button" onClick=${() => go("visits", null, { q: visit.plate_view })}>${t("visits.same_plate")}</button></p><//></div>`}<//>`;
}

export default function Visits({ id, query, who }) {
  return id ? html`<${Story} key=${id} id=${id} who=${who} />` : html`<${List} query=${query} />`;
}
