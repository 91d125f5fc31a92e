// All centrals: who is connected, who is equal, what waits for whom; and adding one.
import { html, useRef, useState } from "../vendor/preact.js";
import { get, post, put, remove } from "../lib/api.js";
import { FormDialog, Reason } from "../lib/form.js";
import { number, span } from "../lib/format.js";
import { has, t, tCode } from "../lib/i18n.js";
import { useData } from "../lib/live.js";
import { Map as MeshMap } from "../lib/map.js";
import { Age, Badge, Button, Card, Dialog, Empty, Fault, Shown, Table, Time, attempt, say } from "../lib/ui.js";

const TONES = { connected: "good", connecting: "info", disconnected: "bad", rejected: "bad", pending: "warn" };
const SYNC_TONES = { equal: "good", behind: "warn", ahead: "warn", both: "warn", unknown: "quiet" };

function Equality({ peer }) {
  const lag = peer.lag_seconds == null ? "" : ` · ${span(peer.lag_seconds * 1000)}`;
  return html`<span><${Badge} tone=${SYNC_TONES[peer.sync] ?? "quiet"}>${t(`mesh.sync.${peer.sync}`)}<//>
    ${(peer.behind > 0 || peer.ahead > 0) && html` <span class="soft">${t("mesh.lag", { behind: number(peer.behind ?? 0), ahead: number(peer.ahead ?? 0) })}${lag}</span>`}</span>`;
}

/** The kind of link in words; one that this page does not know under its own name. */
const linkText = (link) => (has(`mesh.link.${link}`) ? t(`mesh.link.${link}`) : link);

const columns = () => [
  { key: "id", label: t("mesh.central"), cell: (peer) => html`<span><strong class="lot" translate=${false}>${peer.peer_id}</strong> <span class="soft under" translate=${false}>${peer.peer_ip}:${peer.p2p_port}</span></span>` },
  { key: "state", label: t("mesh.state"), cell: (peer) => html`<span><${Badge} tone=${TONES[peer.status] ?? "quiet"}>${t(`mesh.state.${peer.status}`)}<//> <span class="soft under"><span title=${peer.link_reason}>${linkText(peer.link)}</span>${peer.since && html` · <${Time} value=${peer.since} />`}</span>
    ${peer.link !== "mesh" && peer.link_reason && html`<span class="soft under">${peer.link_reason}</span>`}
    ${peer.last_error && html`<span class="soft under">${tCode(peer.code, peer.last_error)}</span>`}</span>` },
  { key: "sync", label: t("mesh.sync"), cell: (peer) => html`<${Equality} peer=${peer} />` },
  { key: "rtt", label: t("mesh.rtt"), number: true, cell: (peer) => (!peer.connected || peer.rtt_ms == null ? "–" : `${number(peer.rtt_ms)} ms`) },
  { key: "clock", label: t("mesh.clock"), number: true, cell: (peer) => (!peer.connected || peer.clock_offset_ms == null ? "–" : `${number(peer.clock_offset_ms)} ms`) },
  { key: "version", label: t("mesh.version"), cell: (peer) => (peer.software ? peer.software.replace(/^parkmesh /, "") : "–") },
];

/** How far a central that was just added has come; `added` is what adding it answered. */
function Progress({ added, onClose }) {
  const status = useData("/api/p2p/status", { every: 1000, quiet: true });
  const most = useRef(0); // the longest way that was seen
  const peer = status.data?.peers.find((one) => one.peer_id === added.peer.id);
  const left = peer?.lag_events ?? 0;
  most.current = Math.max(most.current, left);
  const equal = peer?.sync === "equal";
  return html`<${Dialog} title=${t("mesh.add")} onClose=${onClose}><div role="status"><ol class="list steps">
    <li><${Badge} tone="good">1<//> <span>${t("mesh.add.found", { id: added.peer.id, ip: added.peer.ip })}</span></li>
    <li><${Badge} tone=${added.registration_success ? "good" : "warn"}>2<//> <span>${t(added.registration_success ? "mesh.add.accepted" : "mesh.add.waiting", { id: added.peer.id })}</span></li>
    <li><${Badge} tone=${peer?.connected ? "good" : "info"}>3<//> <span>${t(peer?.connected ? "mesh.add.linked" : "mesh.add.linking")} ${peer?.last_error && html`<span class="soft">${tCode(peer.code, peer.last_error)}</span>`}</span></li>
    <li><${Badge} tone=${equal ? "good" : "info"}>4<//> <span>${equal ? t("mesh.add.equal") : t("mesh.add.syncing", { n: number(left) })}</span></li></ol></div>
    ${peer?.connected && html`<progress aria-label=${t("mesh.sync")} max=${Math.max(1, most.current)} value=${equal ? Math.max(1, most.current) : most.current - left} />`}
    <div class="foot"><${Button} kind="primary" onClick=${onClose}>${t("close")}<//></div><//>`;
}

const portField = (name, label) => ({ name, label, type: "number", min: 1, max: 65535, required: true, autocomplete: "off" });
const addressField = (name) => ({ name, label: t("mesh.address"), required: true, maxlength: 64, autocomplete: "off", spellcheck: false, placeholder: "192.168.1.20" });

const change = (body) => put("/api/p2p/config", body);

/** This central's own id, address and ports: the same check as the file's, and saved at once. */
function Own({ onClose, onMoved }) {
  const source = useData("/api/p2p/config", { every: 0, quiet: true });
  if (!source.data) return html`<${Fault} error=${source.error} />`;
  const { id, ip, p2p_port, api_port } = source.data.config.this_central;
  return html`<${FormDialog} title=${t("mesh.own")} lead=${t("mesh.own.lead")} fresh=${{ id, ip, p2p_port, api_port }} onClose=${onClose}
    fields=${[{ name: "id", label: t("mesh.id"), required: true, maxlength: 63, spellcheck: false }, addressField("ip"), portField("p2p_port", t("mesh.p2p_port")), portField("api_port", t("mesh.api_port"))]}
    action=${async (values) => {
      await change({ this_central: { id: values.id, ip: values.ip, p2p_port: Number(values.p2p_port), api_port: Number(values.api_port) } });
      // Whoever looks at it at the port that has gone needs the new one.
      if (Number(values.api_port) !== api_port && Number(location.port || 80) === api_port) onMoved(`${location.protocol}//${location.hostname}:${values.api_port}/`);
      else say(t("mesh.own.saved"), { undo: () => change({ this_central: { id, ip, p2p_port, api_port } }) });
    }} />`;
}

const LINKS = ["auto", "mesh", "websocket"];

/** Where another central is, and by which kind of link it is reached. */
function Other({ peer, onClose, onDone }) {
  const source = useData("/api/p2p/config", { every: 0, quiet: true });
  if (!source.data) return html`<${Fault} error=${source.error} />`;
  const store = async (values) => {
    const { config } = await get("/api/p2p/config");
    await change({ peer_centrals: config.peer_centrals.map((one) => (one.id === peer.peer_id ? { ...one, ...values } : one)) });
    onDone();
  };
  const { ip, p2p_port, api_port, link = LINKS[0] } = source.data.config.peer_centrals.find((one) => one.id === peer.peer_id) ?? {};
  const before = { ip, p2p_port, api_port, link };
  return html`<${FormDialog} title=${`${t("edit")}: ${peer.peer_id}`} fresh=${before} onClose=${onClose}
    fields=${[addressField("ip"), portField("p2p_port", t("mesh.p2p_port")), portField("api_port", t("mesh.api_port")),
      { name: "link", label: t("mesh.link"), options: LINKS.map((kind) => [kind, t(`mesh.choose.${kind}`)]), hint: t("mesh.link_hint") }]}
    action=${async (values) => {
      await store({ ip: values.ip.trim(), p2p_port: Number(values.p2p_port), api_port: Number(values.api_port), link: values.link });
      say(t("mesh.own.saved"), { undo: () => store(before) });
    }} />`;
}

function Asking({ may }) {
  const source = useData("/api/v1/peers", { every: 5000, quiet: true });
  const asking = (source.data?.peers ?? []).filter((peer) => peer.state === "pending" || peer.asks);
  if (asking.length === 0) return null;
  const act = (what) => attempt(async () => {
    await what();
    source.reload();
  });
  return html`<${Card} title=${t("mesh.asking")} tone="warn"><ul class="list">${asking.map((peer) => html`<li key=${peer.id} class="bar"><strong translate=${false}>${peer.id}</strong>
    <span>${t(`mesh.asks.${peer.asks ?? "join"}`)}</span>${peer.has_secret && html`<${Badge} tone="good">${t("mesh.has_secret")}<//>`}
    ${may && html`<${Button} kind="primary" aria-label=${`${t("mesh.accept")}: ${peer.id}`} onClick=${() => act(() => post(`/api/v1/peers/${encodeURIComponent(peer.id)}/accept`, {}))}>${t("mesh.accept")}<//>
      <${Button} aria-label=${`${t("mesh.dismiss")}: ${peer.id}`} onClick=${() => act(() => remove(`/api/v1/peers/${encodeURIComponent(peer.id)}`))}>${t("mesh.dismiss")}<//>`}</li>`)}</ul><//>`;
}

const test = (peer) => attempt(async () => {
  const answer = await post(`/api/p2p/test-connection?peer_id=${encodeURIComponent(peer.peer_id)}`, undefined);
  say(answer.rtt_ms == null ? answer.message : t("mesh.test.good", { id: peer.peer_id, ms: number(answer.rtt_ms) }));
});

/** Takes one out; the way back is to add it again. */
async function takeOut(peer, onDone) {
  await remove(`/api/v1/peers/${encodeURIComponent(peer.peer_id)}`);
  onDone();
  say(t("mesh.removed", { id: peer.peer_id }), { undo: async () => {
    await post("/api/p2p/add-peer", { ip: peer.peer_ip, api_port: peer.peer_port });
    onDone();
  } });
}

export default function Mesh({ who }) {
  const status = useData("/api/p2p/status", { every: 1000, quiet: true });
  const matrix = useData("/api/v1/sync", { every: 2000, quiet: true });
  const [open, setOpen] = useState(null);
  const may = who.roles.includes("admin");
  const close = () => setOpen(null);
  const button = (peer, text, onClick) => html`<${Button} aria-label=${`${text}: ${peer.peer_id}`} onClick=${onClick}>${text}<//>`;
  const actions = { key: "actions", label: t("list.actions"), cell: (peer) => html`<span class="bar">${button(peer, t("mesh.test"), () => test(peer))}
    ${button(peer, t("edit"), () => setOpen({ kind: "other", peer }))}${button(peer, t("remove"), () => setOpen({ kind: "remove", peer }))}</span>` };
  return html`<div class="screen"><div class="head"><div><h1>${t("nav.mesh")}</h1><p>${t("mesh.lead")}</p></div>
      ${may && html`<div class="bar"><${Button} onClick=${() => setOpen({ kind: "own" })}>${t("mesh.own")}<//><${Button} kind="primary" onClick=${() => setOpen({ kind: "add" })}>${t("mesh.add")}<//></div>`}</div>
    <${Asking} may=${may} />
    <${Shown} source=${status}>${(data) => html`<div class="screen">${data.running === false && html`<p class="note" role="status">${t("mesh.stopped")}</p>`}
      ${data.peers.length === 0 ? html`<${Empty}>${t("mesh.none")}<//>` : html`<div class="screen">
        ${matrix.data && html`<${Card} title=${t("mesh.map")}><${MeshMap} matrix=${matrix.data} />
          <p class="bar legend">${["equal", "differs", "unknown"].map((look) => html`<span class=${`key link-${look}`}>${t(`mesh.map.${look}`)}</span>`)}</p><//>`}
        <${Table} caption=${t("nav.mesh")} columns=${may ? [...columns(), actions] : columns()} rows=${data.peers} keyOf=${(peer) => peer.peer_id} /></div>`}
      <${Age} at=${status.at} /></div>`}<//>
    ${open?.kind === "add" && html`<${FormDialog} title=${t("mesh.add")} lead=${t("mesh.add.lead")} confirm=${t("mesh.add.go")} fresh=${{ ip: "", api_port: "8000" }} onClose=${close}
      fields=${[addressField("ip"), portField("api_port", t("mesh.api_port"))]} action=${async ({ ip, api_port }) => {
        const added = await post("/api/p2p/add-peer", { ip: ip.trim(), api_port: Number(api_port) });
        status.reload();
        setTimeout(() => setOpen({ kind: "added", added }));
      }} />`}
    ${open?.kind === "added" && html`<${Progress} added=${open.added} onClose=${close} />`}
    ${open?.kind === "own" && html`<${Own} onClose=${close} onMoved=${(to) => setTimeout(() => setOpen({ kind: "moved", to }))} />`}
    ${open?.kind === "moved" && html`<${Dialog} title=${t("mesh.own")} onClose=${close}><p>${t("mesh.moved")}</p><p><a href=${open.to}>${open.to}</a></p><//>`}
    ${open?.kind === "other" && html`<${Other} peer=${open.peer} onClose=${close} onDone=${status.reload} />`}
    ${open?.kind === "remove" && html`<${Reason} title=${t("remove")} text=${t("mesh.remove", { id: open.peer.peer_id })} confirm=${t("remove")} danger onClose=${close}
      action=${() => takeOut(open.peer, status.reload)} />`}</div>`;
}
