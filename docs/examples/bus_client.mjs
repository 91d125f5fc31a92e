#!/usr/bin/env node
// Follows a central's bus and keeps each message once: a line "CURSOR JSON" of FILE.
// usage: npm ci --ignore-scripts; set -a; eval "$(parkmesh bus)"; node bus_client.mjs TOPIC FILE [CURSOR]
// Without FILE begins behind CURSOR, or now. A line is the effect and the cursor in one write, so
// that kill -9 neither loses nor doubles one. Against power cuts add fs.fsyncSync.
import fs from "node:fs";
import { Dealer, Subscriber } from "zeromq";
import { decode, encode } from "@msgpack/msgpack";

const [TOPIC, FILE, START] = process.argv.slice(2);
const { BUS_ADDRESS, BUS_PORT, BUS_REPLAY_PORT, BUS_SERVER_KEY, BUS_PUBLIC_KEY, BUS_SECRET_KEY } = process.env;
const PATIENCE_MS = 3000, CREDIT = 1000;
const last = new Map(); // feed -> last cursor of it that was kept; the newest at the end
const feed = (cursor) => cursor.slice(0, 16);
const lsn = (cursor) => Number(cursor.slice(17));
const at = () => [...last.values()].at(-1);
const note = (cursor) => { last.delete(feed(cursor)); last.set(feed(cursor), cursor); };
const out = load();

function load() {
  const kept = fs.openSync(FILE, "a+"), text = fs.readFileSync(FILE);
  const whole = text.lastIndexOf(10) + 1; // behind it a line that was cut off
  for (let from = 0; from < whole; from = text.indexOf(10, from) + 1)
    note(text.toString("latin1", from, text.indexOf(32, from)));
  fs.ftruncateSync(kept, whole);
  return kept;
}

function keep(cursor, message) {
  fs.writeSync(out, `${cursor} ${message ? JSON.stringify(message) : ""}\n`);
  note(cursor);
}

function dial(Kind, port) {
  const keys = BUS_SERVER_KEY && { curveServerKey: BUS_SERVER_KEY, curvePublicKey: BUS_PUBLIC_KEY, curveSecretKey: BUS_SECRET_KEY };
  const socket = new Kind({ linger: 0, receiveTimeout: PATIENCE_MS, ...keys });
  socket.connect(`tcp://${BUS_ADDRESS}:${port}`);
  return socket;
}

async function replay() { // from the last cursor to where live begins
  const known = [...last.values()];
  const ask = { op: "replay", after: known.pop(), topic: TOPIC, credit: CREDIT };
  const socket = dial(Dealer, BUS_REPLAY_PORT);
  try {
    await socket.send(encode(ask));
    for (let used = 0; ; ) {
      const message = decode((await socket.receive())[0]);
      if (message.type === "live") return keep(message.cursor);
      if (message.type !== "error") {
        keep(message.cursor, message);
        if (++used % (CREDIT / 2) === 0) await socket.send(encode({ op: "credit", credit: CREDIT / 2 }));
      } else if (message.code === "CURSOR_UNKNOWN") { // restored from a copy: go back in what is ours
        console.error(ask.after, "is unknown there");
        ask.after = known.length && feed(message.resume) !== feed(ask.after) ? known.pop() : message.resume;
        await socket.send(encode(ask));
      } else throw new Error(message.text);
    }
  } finally { socket.close(); }
}

async function take(message, links) {
  if (!links && message.topic === TOPIC) { // a welcome or a position
    if (!message.ok) { console.error(`${TOPIC} can never match: begin with v1.<central>.<KIND>`); process.exit(1); }
    if (!last.size) keep(START ?? message.now);
    if (feed(message.now) !== feed(at()) || lsn(message.last) > lsn(at())) await replay();
  } else if (links && last.size) {
    const before = decode(links)[TOPIC] ?? Infinity;
    if (feed(message.cursor) !== feed(at()) || before > lsn(at())) await replay();
    else if (lsn(message.cursor) > lsn(at())) keep(message.cursor, message);
  }
}

for (;;) {
  const live = dial(Subscriber, BUS_PORT);
  live.subscribe(TOPIC);
  try { for (;;) { const [, body, links] = await live.receive(); await take(decode(body), links); } }
  catch (problem) { console.error(problem.code === "EAGAIN" ? "silence: wrong address, port or keys, or no central" : problem.message); }
  live.close();
}
