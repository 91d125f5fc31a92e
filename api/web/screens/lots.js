// How full each lot is, and which cars were seen there.
import { html, useState } from "../vendor/preact.js";
import { number } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { folded } from "../lib/list.js";
import { useData } from "../lib/live.js";
import { href } from "../lib/router.js";
import { Age, Badge, Card, Empty, Field, Plate, Shown, Table, Time } from "../lib/ui.js";

/** How full, as a bar; the number beside it says the same. */
export function Meter({ part, whole }) {
  const share = whole > 0 ? Math.min(100, Math.round((100 * part) / whole)) : 0;
  return html`<div class="meter" role="img" aria-label=${t("lots.share", { share })}><i class=${share >= 90 ? "full" : share >= 70 ? "busy" : ""} style=${{ width: `${share}%` }} /></div>`;
}

const FEW = 12; // cars that are shown without being asked for

function Lot({ lot }) {
  const { occupied, total_capacity: capacity, available, vehicles } = lot.occupancy;
  const columns = [
    { key: "plate", label: t("visits.plate"), cell: (car) => html`<span><a href=${href("visits", null, { q: car.plate_view })}><${Plate} text=${car.plate_view} /></a> ${car.is_anomaly && html`<${Badge} tone="warn">${t("lots.anomaly")}<//>`}</span>` },
    { key: "entry", label: t("visits.entry"), cell: (car) => html`<${Time} value=${car.entry_time} />` },
    { key: "seen", label: t("lots.seen"), cell: (car) => html`<${Time} value=${car.location_time} />` },
  ];
  return html`<${Card} title=${html`<bdi>${lot.camera.name}</bdi>`} actions=${html`<${Badge} tone=${available > 0 ? "good" : "bad"}>${t("lots.free", { n: number(available) })}<//>`}>
    <p>${t("lots.used", { n: number(occupied), of: number(capacity) })}</p><${Meter} part=${occupied} whole=${capacity} />
    ${vehicles.length ? html`<details open=${vehicles.length <= FEW}><summary>${t("lots.cars", { n: number(vehicles.length) })}</summary>
      <${Table} plain caption=${lot.camera.name} columns=${columns} rows=${vehicles} keyOf=${(car) => car.plate_id + car.entry_time} /></details>` : html`<${Empty}>${t("lots.no_cars")}<//>`}<//>`;
}

export default function Lots() {
  const source = useData("/api/parking/occupancy", { every: 15000 });
  const [text, setText] = useState("");
  const wanted = (lot) => !text || folded(lot.camera.name).includes(folded(text));
  return html`<div class="screen"><div class="head"><div><h1>${t("nav.lots")}</h1><p>${t("lots.lead")}</p></div></div>
    <${Shown} source=${source}>${(data) => html`<div class="screen">
      ${data.parking_lots.length > 6 && html`<${Field} label=${t("list.search")} type="search" value=${text} onInput=${(event) => setText(event.target.value)} />`}
      ${data.parking_lots.length === 0 ? html`<${Empty}>${t("home.no_lots")}<//>` : html`<div class="grid">${data.parking_lots.filter(wanted).map((lot) => html`<${Lot} key=${lot.camera.name} lot=${lot} />`)}</div>`}
      <${Age} at=${source.at} /></div>`}<//></div>`;
}
