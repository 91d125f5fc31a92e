// What the rules decided against somebody, and how to decide otherwise.
import { html } from "../vendor/preact.js";
import { query } from "../lib/api.js";
import { Corrections } from "../lib/correct.js";
import { money } from "../lib/format.js";
import { has, t } from "../lib/i18n.js";
import { useData } from "../lib/live.js";
import { href, replace } from "../lib/router.js";
import { Badge, Button, Card, Empty, Field, Plate, Shown, Time } from "../lib/ui.js";
import { Status } from "./visits.js";

const PAGE = 20;
const CODES = ["CONFLICT", "DUPLICATE", "DOUBLE_EXIT", "ORPHAN_EXIT", "EXTRA_EXIT", "EXIT_BEFORE_ENTRY", "FEE_DIFFERS", "ID_COLLISION"];
const ruleOf = ({ code, text }) => (has(`rule.${code}`) ? t(`rule.${code}`) : text);
const adviceOf = ({ code, advice }) => (has(`advice.${code}`) ? t(`advice.${code}`) : advice);

function Side({ title, visit, plate, may, onDone }) {
  if (!visit) return html`<p class="soft">${t("conflicts.no_visit")} <a href=${href("visits", null, { q: plate })}>${t("conflicts.search")}</a></p>`;
  return html`<div class="side"><h3>${title}</h3><p><a href=${href("visits", visit.event_id)}><${Plate} text=${visit.plate_view} /></a> <${Status} visit=${visit} /></p>
    <dl class="facts"><dt>${t("visits.entry")}</dt><dd><${Time} value=${visit.entry_time} /> · <bdi>${visit.entry_camera_name ?? "–"}</bdi> · <span class="lot">${visit.entry_central}</span></dd>
      <dt>${t("visits.exit")}</dt><dd>${visit.exit_time ? html`<${Time} value=${visit.exit_time} /> · <bdi>${visit.exit_camera_name ?? "–"}</bdi> · <span class="lot">${visit.exit_central}</span>` : visit.status === "IN" ? t("visits.still") : "–"}</dd>
      <dt>${t("visits.fee")}</dt><dd>${visit.status === "OUT" ? money(visit.fee) : "–"}</dd></dl>
    ${may && html`<${Corrections} visit=${visit} onDone=${onDone} />`}</div>`;
}

function Conflict({ conflict, may, onDone }) {
  return html`<${Card} title=${html`<${Badge} tone="warn">${has(`conflict.${conflict.code}`) ? t(`conflict.${conflict.code}`) : conflict.code}<//> <${Plate} text=${conflict.visit?.plate_view ?? conflict.other?.plate_view ?? conflict.plate_id} />`} actions=${html`<${Time} value=${conflict.time} />`}>
    <p>${ruleOf(conflict)}</p>
    ${conflict.advice && html`<p class="soft">${adviceOf(conflict)}</p>`}
    <div class="sides"><${Side} title=${t("conflicts.this")} visit=${conflict.visit} plate=${conflict.plate_id} may=${may} onDone=${onDone} />
      ${conflict.other_event_id && html`<${Side} title=${t("conflicts.other")} visit=${conflict.other} plate=${conflict.plate_id} may=${may} onDone=${onDone} />`}</div><//>`;
}

export default function Conflicts({ who, query: place }) {
  const code = place.code ?? "", cursor = place.cursor ?? "";
  const show = (change) => replace("conflicts", null, { code, cursor, ...change });
  const source = useData(`/api/v1/conflicts${query({ code, cursor, limit: PAGE })}`, { every: 30000 });
  return html`<div class="screen"><div class="head"><div><h1>${t("nav.conflicts")}</h1><p>${t("conflicts.lead")}</p></div>
      <${Field} label=${t("conflicts.kind")} as="select" value=${code} onInput=${(event) => show({ cursor: "", code: event.target.value })}><option value="">${t("visits.all")}</option>${CODES.map((one) => html`<option value=${one}>${t(`conflict.${one}`)}</option>`)}<//></div>
    <${Shown} source=${source}>${(data) => (data.conflicts.length === 0 && !data.next ? html`<${Empty}>${t("conflicts.none")}<//>`
      : html`<div class="screen"><div class="list">${data.conflicts.map((conflict) => html`<${Conflict} key=${`${conflict.code} ${conflict.event_id} ${conflict.position.node}/${conflict.position.epoch}/${conflict.position.seq}`}
          conflict=${conflict} may=${who.roles.includes("operator")} onDone=${source.reload} />`)}</div>
        <p class="bar">${cursor && html`<${Button} onClick=${() => show({ cursor: "" })}>${t("newest")}<//>`}
          ${data.next && html`<${Button} onClick=${() => show({ cursor: data.next })}>${t("older")}<//>`}</p></div>`)}<//></div>`;
}
