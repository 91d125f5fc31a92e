// The events of the log as they come: filtered, and still while somebody looks closely.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { get, query } from "./api.js";
import { money } from "./format.js";
import { has, t } from "./i18n.js";
import { onNotice } from "./live.js";
import { href } from "./router.js";
import { Button, Card, Empty, Fault, Field, Loading, Plate, Table, Time } from "./ui.js";

const KINDS = ["VEHICLE_ENTRY_PENDING", "VEHICLE_EXIT", "LOCATION_UPDATE", "HISTORY_UPDATE", "HISTORY_DELETE", "HISTORY_UNDELETE", "CONFIG_UPDATE",
  "SUBSCRIPTION_UPDATE", "STAFF_UPDATE", "PARKING_LOT_CONFIG", "CLOCK_FIX", "REDACT", "IMPORT"];
const BACK = 200; // log numbers before now with which the list begins
const KEEP = 100; // rows; older ones leave at the end
const GATHER_MS = 500;
const EVERY_MS = 5000; // what no notice tells: staff, tariff

export const kindText = (kind) => (has(`kind.${kind}`) ? t(`kind.${kind}`) : kind);

/** A cursor a little before now; its number is the log's, so that one may count back. */
async function start() {
  const { now } = await get("/api/v1/events");
  const [feed, number] = now.split(":");
  return `${feed}:${Math.max(0, Number(number) - BACK)}`;
}

/** {events, error}: newest first. Starts again when the central no longer knows the cursor. */
function useFeed(kind) {
  const [state, setState] = useState({ events: undefined, error: null });
  const after = useRef(null);
  useEffect(() => {
    let gone = false, busy = false, gather = 0;
    after.current = null;
    setState({ events: undefined, error: null });
    const ask = async () => {
      if (busy || gone) return;
      busy = true;
      try {
        after.current ??= await start();
        const data = await get(`/api/v1/events${query({ after: after.current, kind, limit: KEEP * 2 })}`);
        if (!gone) {
          after.current = data.next;
          setState((old) => ({ events: [...data.events.reverse(), ...(old.events ?? [])].slice(0, KEEP), error: null }));
        }
      } catch (error) {
        if (error.status === 410) after.current = null;
        if (!gone) setState((old) => ({ ...old, error }));
      }
      busy = false;
    };
    const soon = () => {
      gather ||= setTimeout(() => {
        gather = 0;
        ask();
      }, GATHER_MS);
    };
    ask();
    const timer = setInterval(ask, EVERY_MS);
    const end = onNotice(soon);
    return () => {
      gone = true;
      clearInterval(timer);
      clearTimeout(gather);
      end();
    };
  }, [kind]);
  return state;
}

/** The first that is of use to a person. */
const subject = (event) => event.plate_view ? html`<a href=${href("visits", event.closes ?? event.event_id)}><${Plate} text=${event.plate_view} /></a>`
  : html`<bdi>${event.item ?? event.location ?? event.camera_name ?? "–"}</bdi>`;

const details = (event) => html`<bdi class="soft">${[event.camera_name, event.location, event.fee == null ? null : money(event.fee), event.author, event.reason].filter(Boolean).join(" · ")}</bdi>`;

export function Feed() {
  const [kind, setKind] = useState("");
  const [held, setHeld] = useState(null); // what was there when the list was stopped
  const feed = useFeed(kind);
  const events = held ?? feed.events ?? [];
  const waiting = held ? (feed.events ?? []).findIndex((event) => event.cursor === held[0]?.cursor) : 0;
  const columns = [
    { key: "time", label: t("health.time"), cell: (event) => html`<${Time} value=${event.time} seconds />` },
    { key: "kind", label: t("health.what"), cell: (event) => kindText(event.kind) },
    { key: "subject", label: t("health.subject"), cell: subject },
    { key: "details", label: t("health.detail"), cell: details },
    { key: "central", label: t("mesh.central"), cell: (event) => html`<span class="lot" translate=${false}>${event.position.node}</span>` },
  ];
  return html`<${Card} title=${t("feed.title")} actions=${html`<${Button} aria-pressed=${held ? "true" : "false"} onClick=${() => setHeld(held ? null : feed.events ?? [])}>
      ${t(held ? "feed.go" : "feed.hold")}<//>`}>
    <${Field} label=${t("conflicts.kind")} as="select" value=${kind} onInput=${(event) => {
      setHeld(null);
      setKind(event.target.value);
    }}><option value="">${t("visits.all")}</option>${KINDS.map((one) => html`<option value=${one}>${kindText(one)}</option>`)}<//>
    <${Fault} error=${feed.error} />
    <p role="status" class="soft">${held && t("feed.waiting", { n: waiting < 0 ? `${KEEP}+` : waiting })}</p>
    ${feed.events === undefined && !feed.error ? html`<${Loading} />` : events.length === 0 ? html`<${Empty}>${t("feed.none")}<//>`
      : html`<${Table} tall caption=${t("feed.title")} columns=${columns} rows=${events} keyOf=${(event) => event.cursor} />`}<//>`;
}
