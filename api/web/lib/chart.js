// A chart with its table behind it: who cannot see the lines reads the numbers.
import { html, useEffect, useRef } from "../vendor/preact.js";
import { useCell } from "./cell.js";
import { number, short } from "./format.js";
import { t } from "./i18n.js";
import { theme } from "./theme.js";
import { Table } from "./ui.js";

const HEIGHT = 220;
const STEPS = [1, 2, 5].flatMap((step) => Array.from({ length: 10 }, (_, zeros) => step * 10 ** zeros)).sort((one, two) => one - two); // cars and money are whole
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

function options(width, labels, names) {
  const ink = colour("--soft"), grid = colour("--line");
  const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid } };
  const strokes = names.map((_, index) => colour(index === names.length - 1 && index > 0 ? "--strong-line" : ["--brand", "--warn"][index]));
  return {
    width, height: HEIGHT, cursor: { y: false }, legend: { show: false },
    axes: [{ ...axis, values: (_, ticks) => ticks.map((tick) => labels[tick] ?? "") }, { ...axis, size: 56, incrs: STEPS, values: (_, ticks) => ticks.map(short) }],
    scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(5, high * 1.05)] } },
    series: [{}, ...names.map((name, index) => ({ label: name, stroke: strokes[index], width: 2, dash: index === names.length - 1 && index > 0 ? [4, 4] : undefined, points: { show: index < names.length - 1, size: 6 } }))],
  };
}

/** labels: of the places from left to right; series: [{name, values}] of the same length, the last one to compare with. */
export function Chart({ title, labels, series }) {
  const place = useRef(null);
  const shade = useCell(theme);
  useEffect(() => {
    let plot = null, gone = false;
    library().then((Plot) => {
      if (gone) return;
      place.current.replaceChildren();
      plot = new Plot(options(place.current.clientWidth, labels, series.map((one) => one.name)), [labels.map((_, index) => index), ...series.map((one) => one.values)], place.current);
    });
    const fit = () => plot?.setSize({ width: place.current.clientWidth, height: HEIGHT });
    addEventListener("resize", fit);
    return () => {
      gone = true;
      removeEventListener("resize", fit);
      plot?.destroy();
    };
  }, [labels, series, shade]);
  const rows = labels.map((label, index) => ({ label, index }));
  const columns = [{ key: "time", label: t("chart.hour"), cell: (row) => row.label },
    ...series.map((one) => ({ key: one.name, label: one.name, number: true, cell: (row) => number(one.values[row.index]) }))];
  const look = (index) => (index === series.length - 1 && index > 0 ? "key-last" : `key-${index}`);
  return html`<figure class="chart"><figcaption class="bar">${series.map((one, index) => html`<span class=${`key ${look(index)}`}>${one.name}</span>`)}</figcaption>
    <div ref=${place} aria-hidden="true" style=${{ minHeight: `${HEIGHT}px` }} />
    <details><summary>${t("chart.table")}</summary><${Table} plain caption=${title} columns=${columns} rows=${rows} keyOf=${(row) => row.label} /></details></figure>`;
}
