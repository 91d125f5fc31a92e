// The mesh as a picture: each central a circle, each pair a line that says whether both are equal.
import { html } from "../vendor/preact.js";
import { t } from "./i18n.js";

const WIDE = 720, HIGH = 300, RADIUS = 26;
const LOOK = { equal: "equal", behind: "differs", ahead: "differs", both: "differs", unknown: "unknown" };

function places(count) {
  const around = { x: WIDE / 2 - 90, y: HIGH / 2 - 58 };
  return Array.from({ length: count }, (_, index) => {
    const angle = Math.PI + (index * 2 * Math.PI) / count;
    return { x: WIDE / 2 + around.x * Math.cos(angle), y: HIGH / 2 - 8 + around.y * Math.sin(angle) };
  });
}

/** What GET /api/v1/sync answers. The table below it says the same to who cannot see it. */
export function Map({ matrix }) {
  const { centrals, matrix: cells } = matrix;
  const spots = places(centrals.length);
  const pairs = spots.flatMap((from, i) => spots.slice(i + 1).map((to, k) => ({ from, to, cell: cells[i][i + 1 + k] })));
  const equal = pairs.filter((pair) => pair.cell?.sync === "equal").length;
  return html`<svg class="map" viewBox=${`0 0 ${WIDE} ${HIGH}`} role="img" aria-label=${t("mesh.map_text", { centrals: centrals.length, equal, pairs: pairs.length })}>
    ${pairs.map((pair, index) => html`<line key=${index} class=${`link ${LOOK[pair.cell?.sync] ?? "unknown"}`} x1=${pair.from.x} y1=${pair.from.y} x2=${pair.to.x} y2=${pair.to.y} />`)}
    ${centrals.map((central, index) => html`<g key=${central.id} class=${index === 0 ? "here" : central.connected ? "up" : "down"}>
      <circle cx=${spots[index].x} cy=${spots[index].y} r=${RADIUS} />
      <text x=${spots[index].x} y=${spots[index].y + 6} class="sign">${index === 0 ? "★" : central.connected ? "✓" : "✕"}</text>
      <text x=${spots[index].x} y=${spots[index].y + RADIUS + 20}>${central.id}</text></g>`)}</svg>`;
}
