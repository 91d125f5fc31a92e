// The mesh as a picture: each central a circle, each pair a line that says whether both are equal.
import { html, useEffect, useState } from "../vendor/preact.js";
import { number } from "./format.js";
import { t } from "./i18n.js";

const DESK = { wide: 720, high: 250 }, PHONE = { wide: 380, high: 260 }; // in units of its own
const PAIR = 130; // the height of two side by side
const NARROW = "(max-width: 600px)";
const RADIUS = 26;
const LOOK = { equal: "equal", behind: "differs", ahead: "differs", both: "differs", unknown: "unknown" };

function places(count, { wide, high }) {
  const around = { x: wide / 2 - 80, y: high / 2 - 58 };
  return Array.from({ length: count }, (_, index) => {
    const angle = Math.PI + (index * 2 * Math.PI) / count;
    return { x: wide / 2 + around.x * Math.cos(angle), y: high / 2 + around.y * Math.sin(angle) };
  });
}

function useNarrow() {
  const [narrow, setNarrow] = useState(matchMedia(NARROW).matches);
  useEffect(() => {
    const width = matchMedia(NARROW);
    const changed = () => setNarrow(width.matches);
    width.addEventListener("change", changed);
    return () => width.removeEventListener("change", changed);
  }, []);
  return narrow;
}

/** What GET /api/v1/sync answers. The table below it says the same to who cannot see it. */
export function Map({ matrix }) {
  const { centrals, matrix: cells } = matrix;
  const most = useNarrow() ? PHONE : DESK;
  const size = centrals.length > 2 ? most : { ...most, high: PAIR };
  const spots = places(centrals.length, size);
  const apart = (cell) => Math.max(cell?.behind ?? 0, cell?.ahead ?? 0);
  const pairs = spots.flatMap((from, i) => spots.slice(i + 1).map((to, k) => ({ from, to, cell: cells[i][i + 1 + k] })));
  const equal = pairs.filter((pair) => pair.cell?.sync === "equal").length;
  return html`<svg class="map" viewBox=${`0 0 ${size.wide} ${size.high}`} role="img" aria-label=${t("mesh.map_text", { centrals: centrals.length, equal, pairs: pairs.length })}>
    ${pairs.map((pair, index) => html`<line key=${index} class=${`link ${LOOK[pair.cell?.sync] ?? "unknown"}`} x1=${pair.from.x} y1=${pair.from.y} x2=${pair.to.x} y2=${pair.to.y} />`)}
    ${pairs.map((pair, index) => apart(pair.cell) > 0 && html`<text key=${`n${index}`} class="apart-by" x=${(pair.from.x + pair.to.x) / 2} y=${(pair.from.y + pair.to.y) / 2 + 5}>${number(apart(pair.cell))}</text>`)}
    ${centrals.map((central, index) => html`<g key=${central.id} class=${index === 0 ? "here" : central.connected ? "up" : "down"}>
      <circle cx=${spots[index].x} cy=${spots[index].y} r=${RADIUS} />
      <text x=${spots[index].x} y=${spots[index].y + 6} class="sign">${index === 0 ? "★" : central.connected ? "✓" : "✕"}</text>
      <text x=${spots[index].x} y=${spots[index].y < size.high / 2 - 1 ? spots[index].y - RADIUS - 10 : spots[index].y + RADIUS + 20}>${central.id}</text></g>`)}</svg>`;
}
