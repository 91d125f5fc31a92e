// A chart with its table behind it: who cannot see the lines reads the numbers.
import { html, useEffect, useRef } from "../vendor/preact.js";
import { useCell } from "./cell.js";
import { number } from "./format.js";
import { t } from "./i18n.js";
import { theme } from "./theme.js";
import { Table } from "./ui.js";

const HEIGHT = 220;
let uplot = null;

async function library() {
  if (!uplot) {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = "/web/vendor/uplot.css";
    document.head.append(sheet);
    uplot = (await import("../vendor/uplot.js")).default;
  }
  return uplot;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(width, names) {
  const ink = colour("--soft"), grid = colour("--line");
  const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid } };
  const strokes = [colour("--brand"), colour("--warn"), colour("--strong-line"), colour("--info")];
  return {
    width, height: HEIGHT, cursor: { y: false }, legend: { show: false },
    axes: [{ ...axis, values: (_, ticks) => ticks.map((tick) => new Date(tick * 1000).getHours() + "h") }, { ...axis, size: 44 }],
    scales: { y: { range: (_, low, high) => [0, Math.max(5, high)] } },
    series: [{}, ...names.map((name, index) => ({ label: name, stroke: strokes[index], width: 2, dash: index > 1 ? [4, 4] : undefined, points: { show: false } }))],
  };
}

/** times: seconds, ascending; series: [{name, values}] of the same length. */
export function Chart({ title, times, series }) {
  const place = useRef(null);
  const shade = useCell(theme);
  useEffect(() => {
    let plot = null, gone = false;
    library().then((Plot) => {
      if (gone) return;
      place.current.replaceChildren();
      plot = new Plot(options(place.current.clientWidth, series.map((one) => one.name)), [times, ...series.map((one) => one.values)], place.current);
    });
    const fit = () => plot?.setSize({ width: place.current.clientWidth, height: HEIGHT });
    addEventListener("resize", fit);
    return () => {
      gone = true;
      removeEventListener("resize", fit);
      plot?.destroy();
    };
  }, [times, series, shade]);
  const rows = times.map((time, index) => ({ time, index }));
  const columns = [{ key: "time", label: t("health.time"), cell: (row) => new Date(row.time * 1000).toLocaleString() },
    ...series.map((one) => ({ key: one.name, label: one.name, number: true, cell: (row) => number(one.values[row.index]) }))];
  return html`<figure class="chart"><figcaption class="bar">${series.map((one, index) => html`<span class=${`key key-${index}`}>${one.name}</span>`)}</figcaption>
    <div ref=${place} aria-hidden="true" style=${{ minHeight: `${HEIGHT}px` }} />
    <details><summary>${t("chart.table")}</summary><${Table} caption=${title} columns=${columns} rows=${rows} keyOf=${(row) => row.time} /></details></figure>`;
}
