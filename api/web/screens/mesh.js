// All centrals: who is connected, who is equal, what waits for whom; and adding one.
import { html, useState } from "../vendor/preact.js";
import { post, put, remove } from "../lib/api.js";
import { number, span } from "../lib/format.js";
import { t, tCode } from "../lib/i18n.js";
import { useData } from "../lib/live.js";
import { Map as MeshMap } from "../lib/map.js";
import { Age, Badge, Button, Card, Dialog, Empty, Fault, Field, Reason, Shown, Table, Time, say } from "../lib/ui.js";

const TONES = { connected: "good", connecting: "info", disconnected: "bad", rejected: "bad", pending: "warn" };
const SYNC_TONES = { equal: "good", behind: "warn", ahead: "warn", both: "warn", unknown: "quiet" };

function Equality({ peer }) {
  const lag = peer.lag_seconds == null ? "" : ` · ${span(peer.lag_seconds * 1000)}`;
  return html`<span><${Badge} tone=${SYNC_TONES[peer.sync] ?? "quiet"}>${t(`mesh.sync.${peer.sync}`)}<//>
    ${(peer.behind > 0 || peer.ahead > 0) && html` <span class="soft">${t("mesh.lag", { behind: number(peer.behind), ahead: number(peer.ahead) })}${lag}</span>`}</span>`;
}

const columns = () => [
  { key: "id", label: t("mesh.central"), cell: (peer) => html`<span><strong translate="no">${peer.peer_id}</strong> <span class="soft">${peer.peer_ip}:${peer.p2p_port}</span></span>` },
  { key: "state", label: t("mesh.state"), cell: (peer) => html`<span><${Badge} tone=${TONES[peer.status] ?? "quiet"}>${t(`mesh.state.${peer.status}`)}<//> <span class="soft">${peer.link}</span>
    ${peer.last_error && html`<br /><span class="soft">${tCode(peer.code, peer.last_error)}</span>`}</span>` },
  { key: "sync", label: t("mesh.sync"), cell: (peer) => html`<${Equality} peer=${peer} />` },
  { key: "rtt", label: t("mesh.rtt"), number: true, cell: (peer) => (peer.rtt_ms == null ? "–" : `${number(peer.rtt_ms)} ms`) },
  { key: "clock", label: t("mesh.clock"), number: true, cell: (peer) => (peer.clock_offset_ms == null ? "–" : `${number(peer.clock_offset_ms)} ms`) },
  { key: "version", label: t("mesh.version"), cell: (peer) => peer.software ?? "–" },
  { key: "since", label: t("mesh.since"), cell: (peer) => html`<${Time} value=${peer.since} />` },
];

/** Address, who it says it is, both sides, and how far the first catching up is. */
function Add({ onClose, onDone }) {
  const [ip, setIp] = useState("");
  const [port, setPort] = useState("8000");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const [added, setAdded] = useState(null);
  const status = useData(added ? "/api/p2p/status" : null, { every: 1000, quiet: true });
  const peer = status.data?.peers.find((one) => one.peer_id === added?.peer.id);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      setAdded(await post("/api/p2p/add-peer", { ip: ip.trim(), api_port: Number(port) }));
      onDone();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  if (added) {
    return html`<${Dialog} title=${t("mesh.add")} onClose=${onClose}><ol class="list">
      <li><${Badge} tone="good">1<//> ${t("mesh.add.found", { id: added.peer.id, ip: added.peer.ip })}</li>
      <li><${Badge} tone=${added.registration_success ? "good" : "warn"}>2<//> ${t(added.registration_success ? "mesh.add.accepted" : "mesh.add.waiting")}</li>
      <li><${Badge} tone=${peer?.connected ? "good" : "info"}>3<//> ${t(peer?.connected ? "mesh.add.linked" : "mesh.add.linking")} ${peer?.last_error && html`<span class="soft">${tCode(peer.code, peer.last_error)}</span>`}</li>
      <li><${Badge} tone=${peer?.sync === "equal" ? "good" : "info"}>4<//> ${peer?.sync === "equal" ? t("mesh.add.equal") : t("mesh.add.syncing", { n: number(peer?.lag_events ?? 0) })}</li></ol>
      <footer><${Button} kind="primary" onClick=${onClose}>${t("close")}<//></footer><//>`;
  }
  return html`<${Dialog} title=${t("mesh.add")} onClose=${onClose}><form onSubmit=${submit}><p>${t("mesh.add.lead")}</p>
    <${Field} label=${t("mesh.address")} required maxlength="64" autofocus placeholder="192.168.1.20" value=${ip} onInput=${(event) => setIp(event.target.value)} />
    <${Field} label=${t("mesh.api_port")} type="number" min="1" max="65535" required value=${port} onInput=${(event) => setPort(event.target.value)} />
    <${Fault} error=${error} />
    <footer><${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary" type="submit" busy=${busy}>${t("mesh.add.go")}<//></footer></form><//>`;
}

/** This central's own id, address and ports: the same check as the file's, and saved at once. */
function Own({ onClose }) {
  const source = useData("/api/p2p/config", { every: 0, quiet: true });
  const [values, setValues] = useState(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const own = values ?? source.data?.config.this_central;
  const set = (name, read = (text) => text) => (event) => setValues({ ...own, [name]: read(event.target.value) });
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const { id, ip, p2p_port, api_port } = own;
      await put("/api/p2p/config", { this_central: { id, ip, p2p_port, api_port } });
      say(t("mesh.own.saved"));
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t("mesh.own")} onClose=${onClose}><${Fault} error=${source.error} />${own && html`<form onSubmit=${submit}><p>${t("mesh.own.lead")}</p>
    <${Field} label=${t("mesh.id")} required maxlength="63" value=${own.id} onInput=${set("id")} />
    <${Field} label=${t("mesh.address")} required maxlength="64" value=${own.ip} onInput=${set("ip")} />
    <${Field} label=${t("mesh.p2p_port")} type="number" min="1" max="65535" required value=${own.p2p_port} onInput=${set("p2p_port", Number)} />
    <${Field} label=${t("mesh.api_port")} type="number" min="1" max="65535" required value=${own.api_port} onInput=${set("api_port", Number)} />
    <${Fault} error=${error} />
    <footer><${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary" type="submit" busy=${busy}>${t("save")}<//></footer></form>`}<//>`;
}

function Asking({ may }) {
  const source = useData("/api/v1/peers", { every: 5000, quiet: true });
  const asking = (source.data?.peers ?? []).filter((peer) => peer.state === "pending" || peer.asks);
  if (asking.length === 0) return null;
  const act = async (what) => {
    try {
      await what();
      source.reload();
    } catch (error) {
      say(error.message, { tone: "bad" });
    }
  };
  return html`<${Card} title=${t("mesh.asking")} tone="warn"><ul class="list">${asking.map((peer) => html`<li key=${peer.id} class="bar"><strong translate="no">${peer.id}</strong>
    <span>${t(`mesh.asks.${peer.asks ?? "join"}`)}</span>${peer.has_secret && html`<${Badge} tone="good">${t("mesh.has_secret")}<//>`}
    ${may && html`<${Button} kind="primary" aria-label=${`${t("mesh.accept")}: ${peer.id}`} onClick=${() => act(() => post(`/api/v1/peers/${encodeURIComponent(peer.id)}/accept`, {}))}>${t("mesh.accept")}<//>
      <${Button} aria-label=${`${t("mesh.dismiss")}: ${peer.id}`} onClick=${() => act(() => remove(`/api/v1/peers/${encodeURIComponent(peer.id)}`))}>${t("mesh.dismiss")}<//>`}</li>`)}</ul><//>`;
}

async function test(peer) {
  try {
    const answer = await post(`/api/p2p/test-connection?peer_id=${encodeURIComponent(peer.peer_id)}`, undefined);
    say(answer.rtt_ms == null ? answer.message : t("mesh.test.good", { id: peer.peer_id, ms: number(answer.rtt_ms) }));
  } catch (error) {
    say(error.message, { tone: "bad" });
  }
}

export default function Mesh({ who }) {
  const status = useData("/api/p2p/status", { every: 1000, quiet: true });
  const matrix = useData("/api/v1/sync", { every: 2000, quiet: true });
  const [open, setOpen] = useState(null);
  const may = who.roles.includes("admin");
  const close = () => setOpen(null);
  const actions = { key: "actions", label: t("list.actions"), cell: (peer) => html`<span class="bar"><${Button} aria-label=${`${t("mesh.test")}: ${peer.peer_id}`} onClick=${() => test(peer)}>${t("mesh.test")}<//>
    <${Button} aria-label=${`${t("remove")}: ${peer.peer_id}`} onClick=${() => setOpen(peer)}>${t("remove")}<//></span>` };
  return html`<div class="head"><div><h1>${t("nav.mesh")}</h1><p>${t("mesh.lead")}</p></div>
      ${may && html`<div class="bar"><${Button} onClick=${() => setOpen("own")}>${t("mesh.own")}<//><${Button} kind="primary" onClick=${() => setOpen("add")}>${t("mesh.add")}<//></div>`}</div>
    <${Asking} may=${may} />
    <${Shown} source=${status}>${(data) => html`<div class="list">${data.peers.filter((peer) => !peer.connected).map((peer) => html`<p key=${peer.peer_id} class="note warn" role="status">${t("mesh.alone")} ${peer.ahead > 0 && t("mesh.waits", { n: number(peer.ahead), id: peer.peer_id })}</p>`)}</div>
      ${data.peers.length === 0 ? html`<${Empty}>${t("mesh.none")}<//>` : html`
        ${matrix.data && html`<${Card} title=${t("mesh.map")}><${MeshMap} matrix=${matrix.data} /><//>`}
        <${Table} caption=${t("nav.mesh")} columns=${may ? [...columns(), actions] : columns()} rows=${data.peers} keyOf=${(peer) => peer.peer_id} />`}
      <${Age} at=${status.at} />`}<//>
    ${open === "add" && html`<${Add} onClose=${close} onDone=${status.reload} />`}
    ${open === "own" && html`<${Own} onClose=${close} />`}
    ${open?.peer_id && html`<${Reason} title=${t("remove")} text=${t("mesh.remove", { id: open.peer_id })} confirm=${t("remove")} danger onClose=${close} action=${async () => {
      await remove(`/api/v1/peers/${encodeURIComponent(open.peer_id)}`);
      status.reload();
    }} />`}`;
}
