// The line to the central: one WebSocket that says that something happened, and data that follow it.
import { useEffect, useRef, useState } from "../vendor/preact.js";
import { findOut, get, requests, session } from "./api.js";
import { cell } from "./cell.js";
import { now } from "./clock.js";

const RETRY_MS = [500, 1000, 2000, 3000, 5000];
const SILENCE_MS = 45000; // the server pings every 20 s; the browser answers without telling us
const GATHER_MS = 250; // notices that come together fetch once

/** {open, since}: whether the line stands, and since when (ms). */
export const line = cell({ open: false, since: now() });

const listeners = new Set();
let socket = null;
let attempt = 0;
let retry = 0;

function say(open) {
  if (line.get().open !== open) line.set({ open, since: now() });
}

function schedule() {
  clearTimeout(retry);
  retry = setTimeout(connect, RETRY_MS[Math.min(attempt++, RETRY_MS.length - 1)]);
}

function hear(event) {
  let notice = null;
  try {
    notice = JSON.parse(event.data);
  } catch {
    return;
  }
  for (const listener of [...listeners]) listener(notice.data ?? {});
}

function connect() {
  if (!session.get() || socket) return; // whoever logs in opens it
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/ws/history`);
  const late = setTimeout(() => socket?.close(), SILENCE_MS);
  socket.onopen = () => {
    clearTimeout(late);
    attempt = 0;
    say(true);
    findOut(); // another role, another clock: it may have been started anew
    for (const listener of [...listeners]) listener({ type: "resync" });
  };
  socket.onmessage = hear;
  socket.onclose = () => {
    clearTimeout(late);
    socket = null;
    say(false);
    schedule();
  };
}

/** Opens the line for the life of the page, and again whenever it breaks. */
export function startLine() {
  connect();
  session.watch((who) => {
    attempt = 0;
    if (who) connect();
    else socket?.close();
  });
  addEventListener("online", () => {
    if (!socket) {
      attempt = 0;
      schedule();
    }
  });
}

/** Calls `listener` with each notice; returns what ends that. */
export function onNotice(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * What GET `path` answers, kept fresh: asked again on notices (unless `quiet`) and every `every` ms.
 * An answer that later ones have overtaken is not shown.
 * {data, at, error, loading, reload}: `data` stays when a later attempt fails; `at` is its age.
 * A null path asks nothing.
 */
export function useData(path, { every = 30000, quiet = false } = {}) {
  const [state, setState] = useState({ data: undefined, at: 0, error: null, loading: true });
  const reload = useRef(() => {});

  useEffect(() => {
    if (path === null) {
      setState({ data: undefined, at: 0, error: null, loading: false });
      return undefined;
    }
    const stop = new AbortController();
    let gather = 0;
    const asking = requests();
    setState((old) => ({ ...old, loading: true }));
    const ask = async () => {
      const isNewest = asking();
      try {
        const data = await get(path, { signal: stop.signal });
        if (!stop.signal.aborted && isNewest()) setState({ data, at: now(), error: null, loading: false });
      } catch (error) {
        if (!stop.signal.aborted && isNewest()) setState((old) => ({ ...old, error, loading: false }));
      }
    };
    // Not put off by further notices: under load they never pause.
    const soon = () => {
      gather ||= setTimeout(() => {
        gather = 0;
        ask();
      }, GATHER_MS);
    };
    reload.current = ask;
    ask();
    const timer = every ? setInterval(ask, every) : 0;
    const end = quiet ? () => {} : onNotice(soon);
    return () => {
      stop.abort();
      clearTimeout(gather);
      clearInterval(timer);
      end();
    };
  }, [path, every, quiet]);
  return { ...state, reload: () => reload.current() };
}
