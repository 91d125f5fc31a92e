// Camera boxes: who is heard, which are expected, and what they see.
import { html, useState } from "../vendor/preact.js";
import { get, post } from "../lib/api.js";
import { FormDialog, Reason } from "../lib/form.js";
import { ago, number, span } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useData } from "../lib/live.js";
import { Age, Badge, Button, Dialog, Empty, Shown, Table, attempt, say } from "../lib/ui.js";
import { Video } from "../lib/video.js";

const TYPES = ["ENTRY", "EXIT", "PARKING_LOT"];
const WALL = 4; // pictures at once: a browser has six connections to one host, and the page needs the others
const CLOCK_MS = 2000; // what a heartbeat's way may make of a clock that is right
const SYNC_MS = 30000; // boxes are told one after the other's time-out at worst

/** Times of heartbeats are UTC texts without a zone. */
const heard = (camera) => (camera.last_heartbeat ? ago(`${camera.last_heartbeat}Z`) : t("cameras.never"));

function clock(camera) {
  const off = camera.clock_offset_ms ?? 0;
  if (Math.abs(off) <= CLOCK_MS) return "";
  return t(off < 0 ? "cameras.clock_slow" : "cameras.clock_fast", { span: span(Math.abs(off)) });
}

function why(camera) {
  if (camera.config_missing) return t("cameras.config_missing");
  if (camera.connection_lost) return t("cameras.lost");
  if (camera.config_invalid) return t("cameras.config_invalid");
  return "";
}

/** Puts one camera into the map of all, or takes it out: {before, silent}, what was there and the boxes that could not be told. */
async function exchange(id, camera) {
  const before = (await get("/api/config")).config.edge_cameras;
  const map = { ...before };
  if (camera) map[id] = camera;
  else delete map[id];
  const answer = await post("/api/config", { edge_cameras: map }, { timeout: SYNC_MS });
  const silent = (answer.sync_results ?? []).filter((result) => !result.success).map((result) => result.camera_id);
  return { before: before[id] ?? null, silent: silent.join(", ") };
}

/** Does that and says so; what takes it back is told like any other, and boxes that did not hear of it. */
async function store(id, camera, onDone) {
  const { before, silent } = await exchange(id, camera);
  const undo = async () => {
    const back = await exchange(id, before);
    if (back.silent) say(t("cameras.saved_silent", { ids: back.silent }), { tone: "warn" });
    onDone();
  };
  say(silent ? t("cameras.saved_silent", { ids: silent }) : t("cameras.saved"), { tone: silent ? "warn" : "good", undo });
  onDone();
}

const fieldsOf = (isNew) => (values) => [
  { name: "id", label: t("cameras.id"), type: "number", min: 1, required: true, disabled: !isNew },
  { name: "name", label: t("cameras.name"), required: true, maxlength: 100, autofocus: !isNew },
  { name: "type", label: t("cameras.type"), options: TYPES.map((type) => [type, t(`cameras.type.${type}`)]) },
  { name: "ip", label: t("cameras.ip"), required: true, maxlength: 64, hint: t("cameras.ip_hint") },
  ...(values.type === "PARKING_LOT" ? [{ name: "capacity", label: t("cameras.capacity"), type: "number", min: 0 }] : []),
];

const send = (values, onDone) => store(String(values.id), { name: values.name, ip: values.ip, camera_type: values.type, parking_lot_capacity: Number(values.capacity) || 0 }, onDone);

/** Several pictures side by side, so many at a time. */
function Wall({ cameras }) {
  const [first, setFirst] = useState(0);
  if (cameras.length === 0) return html`<${Empty}>${t("cameras.no_video")}<//>`;
  const shown = cameras.slice(first, first + WALL);
  return html`<div class="screen"><div class="wall">${shown.map((camera) => html`<section key=${camera.id} class="card"><header><h2><bdi>${camera.name}</bdi></h2>
      <${Badge}>${t(`cameras.type.${camera.type}`)}<//></header><${Video} camera=${camera} /></section>`)}</div>
    ${cameras.length > WALL && html`<p class="bar"><${Button} onClick=${() => setFirst(first + WALL < cameras.length ? first + WALL : 0)}>${t("cameras.others")}<//>
      <span class="soft">${t("cameras.shown", { from: first + 1, to: first + shown.length, of: cameras.length })}</span></p>`}</div>`;
}

const columns = () => [
  { key: "name", label: t("cameras.name"), cell: (camera) => html`<bdi>${camera.name}</bdi>` },
  { key: "id", label: t("cameras.id"), cell: (camera) => camera.id },
  { key: "type", label: t("cameras.type"), cell: (camera) => (TYPES.includes(camera.type) ? t(`cameras.type.${camera.type}`) : camera.type) },
  { key: "status", label: t("people.status"), cell: (camera) => html`<span><${Badge} tone=${camera.status === "online" ? "good" : "bad"}>${t(`cameras.${camera.status}`)}<//> <span class="soft">${why(camera)}</span> ${clock(camera) && html`<${Badge} tone="warn">${clock(camera)}<//>`}</span>` },
  { key: "heard", label: t("cameras.heard"), cell: heard },
  { key: "sent", label: t("cameras.sent"), number: true, cell: (camera) => `${number(camera.events_sent)} / ${number(camera.events_failed)}` },
];

/** After how many seconds of silence a camera counts as lost. */
function Patience({ onClose, onDone }) {
  const source = useData("/api/config", { every: 0, quiet: true });
  return html`<${Shown} source=${source}>${({ config }) => html`<${FormDialog} title=${t("cameras.patience")} lead=${t("cameras.patience_lead")} onClose=${onClose}
    fields=${[{ name: "seconds", label: t("cameras.patience_seconds"), type: "number", min: 1, max: 86400, required: true }]} fresh=${{ seconds: config.camera.heartbeat_timeout }}
    action=${async ({ seconds }) => {
      const put = (value) => post("/api/config", { camera: { heartbeat_timeout: value } });
      await put(Number(seconds));
      say(t("cameras.saved"), { undo: () => put(config.camera.heartbeat_timeout) });
      onDone();
    }} />`}<//>`;
}

export default function Cameras({ who }) {
  const source = useData("/api/cameras", { every: 5000, quiet: true });
  const [open, setOpen] = useState(null);
  const [wall, setWall] = useState(false);
  const may = who.roles.includes("admin");
  const close = () => setOpen(null);
  const edit = (camera) => attempt(async () => {
    const known = (await get("/api/config")).config.edge_cameras[camera.id];
    setOpen({ kind: "edit", camera: { id: camera.id, name: camera.name, type: camera.type, ip: known?.ip ?? "", capacity: known?.parking_lot_capacity ?? 0 } });
  });
  const actions = { key: "actions", label: t("list.actions"), cell: (camera) => html`<span class="bar">
    ${camera.stream_proxy?.available && html`<${Button} aria-label=${`${t("cameras.watch")}: ${camera.name}`} onClick=${() => setOpen({ kind: "video", camera })}>${t("cameras.watch")}<//>`}
    ${may && html`<${Button} aria-label=${`${t("edit")}: ${camera.name}`} onClick=${() => edit(camera)}>${t("edit")}<//>`}
    ${may && !camera.config_missing && html`<${Button} aria-label=${`${t("remove")}: ${camera.name}`} onClick=${() => setOpen({ kind: "remove", camera })}>${t("remove")}<//>`}</span>` };
  return html`<div class="screen"><div class="head"><div><h1>${t("nav.cameras")}</h1><p>${t("cameras.lead")}</p></div>
      <div class="bar"><${Button} aria-pressed=${wall ? "true" : "false"} onClick=${() => setWall(!wall)}>${t("cameras.wall")}<//>
        ${may && html`<${Button} onClick=${() => setOpen({ kind: "patience" })}>${t("cameras.patience")}<//>`}
        ${may && html`<${Button} kind="primary" onClick=${() => setOpen({ kind: "edit", camera: { id: "", name: "", type: "ENTRY", ip: "", capacity: 0 } })}>${t("add")}<//>`}</div></div>
    <${Shown} source=${source}>${(data) => html`<div class="screen">${wall && html`<${Wall} cameras=${data.cameras.filter((camera) => camera.stream_proxy?.available && camera.status === "online")} />`}
      ${data.cameras.length === 0 ? html`<${Empty}>${t("cameras.none")}<//>` : html`<${Table} caption=${t("nav.cameras")} columns=${[...columns(), actions]} rows=${data.cameras} keyOf=${(camera) => camera.id} />`}
      <${Age} at=${source.at} /></div>`}<//>
    ${open?.kind === "edit" && html`<${FormDialog} title=${t(open.camera.id ? "edit" : "add")} fields=${fieldsOf(!open.camera.id)} fresh=${open.camera} onClose=${close} action=${(values) => send(values, source.reload)} />`}
    ${open?.kind === "patience" && html`<${Patience} onClose=${close} onDone=${source.reload} />`}
    ${open?.kind === "video" && html`<${Dialog} wide title=${open.camera.name} onClose=${close}><${Video} camera=${open.camera} /><//>`}
    ${open?.kind === "remove" && html`<${Reason} title=${t("remove")} text=${t("cameras.remove", { name: open.camera.name })} confirm=${t("remove")} danger onClose=${close}
      action=${() => store(String(open.camera.id), null, source.reload)} />`}</div>`;
}
