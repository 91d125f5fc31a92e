// Camera boxes: who is heard, and which are expected.
import { html, useState } from "../vendor/preact.js";
import { get, post } from "../lib/api.js";
import { ago, number } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useData } from "../lib/live.js";
import { Age, Badge, Button, Dialog, Empty, Fault, Field, Reason, Shown, Table, say } from "../lib/ui.js";

const TYPES = ["ENTRY", "EXIT", "PARKING_LOT"];

/** Times of heartbeats are UTC texts without a zone. */
const heard = (camera) => (camera.last_heartbeat ? ago(`${camera.last_heartbeat.replace(" ", "T")}Z`) : t("cameras.never"));

function why(camera) {
  if (camera.config_missing) return t("cameras.config_missing");
  if (camera.connection_lost) return t("cameras.lost");
  if (camera.config_invalid) return t("cameras.config_invalid");
  if (camera.config_only) return t("cameras.never");
  return "";
}

/** Puts one camera into the map of all, or takes it out, and says which boxes could not be told. */
async function store(id, camera) {
  const { config } = await get("/api/config");
  const map = { ...config.edge_cameras };
  if (camera) map[id] = camera;
  else delete map[id];
  const answer = await post("/api/config", { edge_cameras: map }, { timeout: 30000 });
  const silent = (answer.sync_results ?? []).filter((result) => !result.success).map((result) => result.camera_id);
  say(silent.length ? t("cameras.saved_silent", { ids: silent.join(", ") }) : t("cameras.saved"), { tone: silent.length ? "warn" : "good" });
}

function Edit({ camera, onDone, onClose }) {
  const [values, setValues] = useState(camera);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const set = (name) => (event) => setValues({ ...values, [name]: event.target.value });
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await store(String(values.id), { name: values.name, ip: values.ip, camera_type: values.type, parking_lot_capacity: Number(values.capacity) || 0 });
      onDone();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${camera.id ? t("edit") : t("add")} onClose=${onClose}><form onSubmit=${submit}><div class="form">
    <${Field} label=${t("cameras.id")} type="number" min="1" required disabled=${!!camera.id} value=${values.id} onInput=${set("id")} />
    <${Field} label=${t("cameras.name")} required maxlength="100" value=${values.name} onInput=${set("name")} />
    <${Field} label=${t("cameras.type")} as="select" value=${values.type} onInput=${set("type")}>${TYPES.map((type) => html`<option value=${type}>${t(`cameras.type.${type}`)}</option>`)}<//>
    <${Field} label=${t("cameras.ip")} required maxlength="64" hint=${t("cameras.ip_hint")} value=${values.ip} onInput=${set("ip")} />
    ${values.type === "PARKING_LOT" && html`<${Field} label=${t("cameras.capacity")} type="number" min="0" value=${values.capacity} onInput=${set("capacity")} />`}</div>
    <${Fault} error=${error} />
    <footer><${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary" type="submit" busy=${busy}>${t("save")}<//></footer></form><//>`;
}

export default function Cameras({ who }) {
  const source = useData("/api/cameras", { every: 5000, quiet: true });
  const [open, setOpen] = useState(null);
  const may = who.roles.includes("admin");
  const close = () => setOpen(null);
  const edit = async (camera) => {
    const known = (await get("/api/config")).config.edge_cameras[camera.id];
    setOpen({ kind: "edit", camera: { id: camera.id, name: camera.name, type: camera.type, ip: known?.ip ?? "", capacity: known?.parking_lot_capacity ?? 0 } });
  };
  const columns = [
    { key: "id", label: t("cameras.id"), cell: (camera) => camera.id },
    { key: "name", label: t("cameras.name"), cell: (camera) => html`<bdi>${camera.name}</bdi>` },
    { key: "type", label: t("cameras.type"), cell: (camera) => (TYPES.includes(camera.type) ? t(`cameras.type.${camera.type}`) : camera.type) },
    { key: "status", label: t("people.status"), cell: (camera) => html`<span><${Badge} tone=${camera.status === "online" ? "good" : "bad"}>${t(`cameras.${camera.status}`)}<//> <span class="soft">${why(camera)}</span></span>` },
    { key: "heard", label: t("cameras.heard"), cell: heard },
    { key: "sent", label: t("cameras.sent"), number: true, cell: (camera) => `${number(camera.events_sent)} / ${number(camera.events_failed)}` },
  ];
  const actions = { key: "actions", label: t("list.actions"), cell: (camera) => html`<span class="bar"><${Button} aria-label=${`${t("edit")}: ${camera.name}`} onClick=${() => edit(camera)}>${t("edit")}<//>
    ${!camera.config_missing && html`<${Button} aria-label=${`${t("remove")}: ${camera.name}`} onClick=${() => setOpen({ kind: "remove", camera })}>${t("remove")}<//>`}</span>` };
  return html`<div class="head"><div><h1>${t("nav.cameras")}</h1><p>${t("cameras.lead")}</p></div>
      ${may && html`<${Button} kind="primary" onClick=${() => setOpen({ kind: "edit", camera: { id: "", name: "", type: "ENTRY", ip: "", capacity: 0 } })}>${t("add")}<//>`}</div>
    <${Shown} source=${source}>${(data) => html`${data.cameras.length === 0 ? html`<${Empty}>${t("cameras.none")}<//>`
      : html`<${Table} caption=${t("nav.cameras")} columns=${may ? [...columns, actions] : columns} rows=${data.cameras} keyOf=${(camera) => camera.id} />`}<${Age} at=${source.at} />`}<//>
    ${open?.kind === "edit" && html`<${Edit} camera=${open.camera} onClose=${close} onDone=${() => {
      close();
      source.reload();
    }} />`}
    ${open?.kind === "remove" && html`<${Reason} title=${t("remove")} text=${t("cameras.remove", { name: open.camera.name })} confirm=${t("remove")} danger onClose=${close} action=${async () => {
      await store(String(open.camera.id), null);
      source.reload();
    }} />`}`;
}
