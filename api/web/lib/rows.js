// A long table that grows at its end. Only the pages near the window are in the document: the others
// are one empty row as tall as they were, so that nothing moves and 10,000 rows stay quick. Each row
// says its number and the table how many there are, for who listens instead of looking.
import { Component, html, useEffect, useMemo, useRef } from "../vendor/preact.js";

const NEAR = "900px 0px"; // about one window above and below
const USUAL_PX = 60; // a row that nobody has measured

/** Calls each element's `onNear(whether)` as it comes near the window and leaves. */
function useNearness() {
  const watcher = useRef(null);
  const calls = useRef(new WeakMap());
  watcher.current ??= new IntersectionObserver((entries) => entries.forEach((entry) => calls.current.get(entry.target)?.(entry.isIntersecting)), { rootMargin: NEAR });
  useEffect(() => () => watcher.current.disconnect(), []);
  return useMemo(() => ({
    usual: USUAL_PX, // the height of a row, as far as anybody has measured one
    add(element, onNear) {
      calls.current.set(element, onNear);
      watcher.current.observe(element);
    },
    drop: (element) => watcher.current.unobserve(element),
  }), []);
}

class Page extends Component {
  constructor(props) {
    super(props);
    this.state = { near: props.first === 0 };
    this.measured = null; // {width, height} when it was last drawn
  }

  componentDidMount() {
    this.props.nearness.add(this.base, (near) => {
      if (near === this.state.near || (!near && this.base.contains(document.activeElement))) return;
      if (!near) this.measure();
      this.props.onNear(near);
      this.setState({ near });
    });
    if (this.state.near) this.props.onNear(true);
  }

  componentWillUnmount() {
    this.props.nearness.drop(this.base);
    this.props.onNear(false);
  }

  shouldComponentUpdate(props, state) {
    return state.near !== this.state.near || props.rows !== this.props.rows || props.columns !== this.props.columns || props.arrived !== this.props.arrived || props.first !== this.props.first;
  }

  measure() {
    const { width, height } = this.base.getBoundingClientRect();
    this.measured = { width, height };
    if (this.props.rows.length) this.props.nearness.usual = height / this.props.rows.length;
  }

  height() {
    const { measured } = this;
    return measured && measured.width === this.base?.getBoundingClientRect().width ? measured.height : this.props.rows.length * this.props.nearness.usual;
  }

  render({ rows, columns, keyOf, first, arrived }) {
    if (!this.state.near) return html`<tbody><tr class="apart" aria-hidden="true" style=${{ height: `${this.height()}px` }}><td colspan=${columns.length} /></tr></tbody>`;
    return html`<tbody>${rows.map((row, index) => html`<tr key=${keyOf(row)} aria-rowindex=${first + index + 2} class=${arrived?.has(keyOf(row)) ? "arrived" : ""}>${columns.map((column) => {
      const value = column.cell(row);
      return html`<td data-label=${column.label} class=${`cell-${column.key} ${column.number ? "number" : ""} ${value === "–" || value === "" || value == null ? "none" : ""}`}>${value}</td>`;
    })}</tr>`)}</tbody>`;
  }
}

/** The first link of the nearest row before or after `row` that has one. */
function linkBeside(row, step) {
  let at = row;
  do {
    const page = at.parentElement;
    at = step > 0 ? at.nextElementSibling ?? page.nextElementSibling?.firstElementChild : at.previousElementSibling ?? page.previousElementSibling?.lastElementChild;
  } while (at && !at.querySelector("a"));
  return at?.closest("tbody") ? at.querySelector("a") : null;
}

/** Arrows go from row to row while one of them has the focus. */
function onKeyDown(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = step && event.target.closest("tbody tr");
  const link = row && linkBeside(row, step);
  if (!link) return;
  event.preventDefault();
  link.focus();
}

/**
 * pages: [{key, rows}], of which only a changed one is drawn again; columns as of Table, which must
 * be the same array until they change; `whole`: whether there are no more rows than these.
 * `onNear(key, whether)` tells which pages are near the window; `onEnd()` is called near the end.
 * `arrived`: keys of rows to be marked as new.
 */
export function LongTable({ pages, columns, keyOf, caption, whole, arrived, onNear, onEnd }) {
  const nearness = useNearness();
  const end = useRef(null);
  const reached = useRef(onEnd);
  reached.current = onEnd;
  useEffect(() => {
    const element = end.current;
    nearness.add(element, (near) => near && reached.current());
    return () => nearness.drop(element);
  }, [pages.length]);
  const count = pages.reduce((sum, page) => sum + page.rows.length, 0);
  let first = 0;
  return html`<div class="table-wrap cards long" onKeyDown=${onKeyDown}><table aria-rowcount=${whole ? count + 1 : -1}><caption class="hidden">${caption}</caption>
    <colgroup>${columns.map((column) => html`<col class=${`col-${column.key}`} />`)}</colgroup>
    <thead><tr aria-rowindex="1">${columns.map((column) => html`<th scope="col" class=${column.number ? "number" : ""}>${column.label}</th>`)}</tr></thead>
    ${pages.map((page, index) => {
      const from = first;
      first += page.rows.length;
      return html`<${Page} key=${page.key} rows=${page.rows} first=${from} columns=${columns} keyOf=${keyOf} arrived=${index === 0 ? arrived : null} nearness=${nearness} onNear=${(near) => onNear(page.key, near)} />`;
    })}</table><div ref=${end} class="table-end" /></div>`;
}
