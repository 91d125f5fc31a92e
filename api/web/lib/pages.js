// The visits that filters name, page by page, and true while time goes on: what stands there is
// brought up to date in its place, and what is new comes by itself only while nobody reads.
import { useEffect, useRef, useState } from "../vendor/preact.js";
import { get, query } from "./api.js";
import { onNotice } from "./live.js";

const FIRST = 50, LATER = 100; // rows of the first page, of each later one
const PAUSE_MS = 200; // a person is still typing
const GATHER_MS = 400; // what happens within is looked at once
const SINGLE = 5; // rows that left a page and are looked up one by one
const COUNTED = 950; // new rows; with a first page it is what the central gives at once
const AHEAD = 5; // pages that are asked for while the first of them is not there yet

/** Whether somebody reads: scrolled down, or the mouse or the keyboard is in the rows. */
const isRead = () => scrollY >= 40 || document.querySelector(".table-wrap:is(:hover, :focus-within)") !== null;

const idsOf = (pages) => new Set(pages.flatMap((page) => page.rows.map((row) => row.event_id)));

/** `old` rows as `now` tells them, each in its place; the same array when nothing differs. */
function patched(old, now) {
  let differs = false;
  const rows = old.map((row) => {
    const newer = now.get(row.event_id);
    if (!newer || (newer.etag === row.etag && newer.revision === row.revision)) return row;
    differs = true;
    return newer;
  });
  return differs ? rows : old;
}

class Pages {
  constructor(parameters, show) {
    Object.assign(this, { parameters, show, pages: undefined, near: new Set(), fresh: 0, arrived: null, error: null, works: 0, older: 0, turn: Promise.resolve() });
    this.stop = new AbortController();
    this.timer = setTimeout(() => this.start(), PAUSE_MS);
    this.end = onNotice(() => this.wait());
  }

  /** Not put off by further notices: under load they never pause. */
  wait() {
    this.soon ||= setTimeout(() => {
      this.soon = 0;
      this.renew();
    }, GATHER_MS);
  }

  close() {
    this.stop.abort();
    clearTimeout(this.timer);
    clearTimeout(this.soon);
    this.end();
  }

  ask(cursor, more = 0) {
    return get(`/api/v1/visits${query({ ...this.parameters, limit: (cursor ? LATER : FIRST) + more, cursor })}`, { signal: this.stop.signal });
  }

  tell(change) {
    if (this.stop.signal.aborted) return;
    Object.assign(this, change);
    this.show({ pages: this.pages, fresh: this.fresh, arrived: this.arrived, error: this.error, whole: this.pages !== undefined && !this.pages.at(-1).next });
  }

  /** One after the other; what fails is told. */
  queue(work) {
    this.works++;
    this.turn = this.turn.then(async () => {
      try {
        await work();
      } catch (error) {
        this.tell({ error });
      }
      this.works--;
    });
  }

  /** The newest page alone; what was not there before has arrived. */
  start() {
    this.queue(async () => {
      const { visits, next } = await this.ask("");
      const old = this.pages && idsOf(this.pages);
      const arrived = old && new Set(visits.map((row) => row.event_id).filter((id) => !old.has(id)));
      this.tell({ pages: [{ key: "", rows: visits, next }], fresh: 0, arrived, error: null });
    });
  }

  /** One page more at the end, each time; what is under way is waited for. */
  more() {
    if (this.older >= AHEAD) return; // a key that is held down
    this.older++;
    this.queue(() => this.append().finally(() => this.older--));
  }

  /** The same, once, for somebody who has scrolled there. */
  reachEnd() {
    if (this.older === 0) this.more();
  }

  async append() {
    const next = this.pages?.at(-1).next;
    if (!next) return;
    const page = await this.ask(next);
    const held = idsOf(this.pages);
    this.tell({ pages: [...this.pages, { key: next, rows: page.visits.filter((row) => !held.has(row.event_id)), next: page.next }], error: null });
  }

  /** After something happened. */
  renew() {
    if (this.works > 0) this.wait();
    else if (isRead() && this.pages) this.queue(() => this.freshen());
    else this.start();
  }

  /** Renews what is near the window without moving it, and counts what is new. */
  async freshen() {
    const shown = this.pages.filter((page, index) => index === 0 || this.near.has(page.key));
    const answers = await Promise.all(shown.map((page, index) => this.ask(page.key, index === 0 ? this.fresh : 0)));
    const told = new Map(answers.flatMap((answer) => answer.visits.map((row) => [row.event_id, row])));
    const gone = shown.flatMap((page, index) => page.rows.filter((row) => !told.has(row.event_id) && this.isWithin(row, answers[index])));
    for (const row of gone.slice(0, SINGLE)) {
      const { visit } = await get(`/api/v1/visits/${encodeURIComponent(row.event_id)}`, { signal: this.stop.signal });
      if (visit) told.set(visit.event_id, visit);
    }
    const held = idsOf(this.pages);
    this.tell({
      pages: this.pages.map((page) => {
        const rows = shown.includes(page) ? patched(page.rows, told) : page.rows;
        return rows === page.rows ? page : { ...page, rows };
      }),
      fresh: Math.min(COUNTED, answers[0].visits.filter((row) => !held.has(row.event_id)).length), arrived: null, error: null,
    });
  }

  /** Whether an answer would hold the row if it still were what the filters name. */
  isWithin(row, { visits, next }) {
    const order = this.parameters.by === "left" ? "exit_time" : "entry_time";
    return !next || visits.length === 0 || Date.parse(row[order]) > Date.parse(visits.at(-1)[order]);
  }
}

/**
 * {pages, fresh, arrived, error, whole, more, reachEnd, first, onNear}: `pages` undefined at first, `fresh` rows
 * wait for first(), `full` of them may be more; `arrived` ids came by themselves just now.
 */
export function usePages(parameters) {
  const key = query(parameters);
  const [state, setState] = useState({ pages: undefined, fresh: 0, arrived: null, error: null, whole: false });
  const source = useRef(null);
  useEffect(() => {
    source.current = new Pages(parameters, setState);
    return () => source.current.close();
  }, [key]);
  return {
    ...state,
    full: state.fresh >= COUNTED,
    more: () => source.current.more(),
    reachEnd: () => source.current.reachEnd(),
    first: () => {
      scrollTo({ top: 0 });
      source.current.start();
    },
    onNear: (page, near) => source.current?.near[near ? "add" : "delete"](page),
  };
}
