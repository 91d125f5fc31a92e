// All centrals: who is connected, who is equal, and what waits for whom.
import { html } from "../vendor/preact.js";
import { number } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useData } from "../lib/live.js";
import { Age, Badge, Shown, Table, Time } from "../lib/ui.js";

const TONES = { connected: "good", connecting: "info", disconnected: "bad", refused: "bad" };
const state = (peer) => html`<${Badge} tone=${TONES[peer.status] ?? "quiet"}>${t(`mesh.state.${peer.status}`)}<//>`;

const COLUMNS = () => [
  { key: "id", label: t("mesh.central"), cell: (peer) => html`<strong translate="no">${peer.peer_id}</strong> <span class="soft">${peer.peer_ip}</span>` },
  { key: "state", label: t("mesh.state"), cell: state },
  { key: "behind", label: t("mesh.waiting"), number: true, cell: (peer) => (peer.behind == null ? "–" : number(peer.behind)) },
  { key: "rtt", label: t("mesh.rtt"), number: true, cell: (peer) => (peer.rtt_ms == null ? "–" : `${number(peer.rtt_ms)} ms`) },
  { key: "clock", label: t("mesh.clock"), number: true, cell: (peer) => (peer.clock_offset_ms == null ? "–" : `${number(peer.clock_offset_ms)} ms`) },
  { key: "version", label: t("mesh.version"), cell: (peer) => peer.software ?? "–" },
  { key: "since", label: t("mesh.since"), cell: (peer) => html`<${Time} value=${peer.since} />` },
];

export default function Mesh() {
  const status = useData("/api/p2p/status", { every: 2000, quiet: true });
  return html`<div class="head"><div><h1>${t("nav.mesh")}</h1><p>${t("mesh.lead")}</p></div></div>
    <${Shown} source=${status}>${(data) => html`<${Table} caption=${t("nav.mesh")} columns=${COLUMNS()} rows=${data.peers} keyOf=${(peer) => peer.peer_id} />
      <${Age} at=${status.at} />`}<//>`;
}
