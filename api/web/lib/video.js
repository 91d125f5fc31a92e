// What a camera sees: JPEG pictures in an endless answer. Read here and not by an <img>, which would
// keep showing the last picture of a camera that has died.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { ApiError } from "./api.js";
import { now } from "./clock.js";
import { time } from "./format.js";
import { t } from "./i18n.js";

const MOST = 8 << 20; // bytes of one picture; more is no picture
const SILENCE_MS = 3000; // a camera sends several a second
const AGAIN_MS = 3000;
const BLANK_LINE = [13, 10, 13, 10];

/** Where `wanted` begins in `bytes`, from `from` on; -1 for nowhere. */
function find(bytes, wanted, from) {
  for (let at = bytes.indexOf(wanted[0], from); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (at + wanted.length > bytes.length) return -1;
    if (wanted.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return -1;
}

/** Takes an answer of type multipart apart. */
class Parts {
  constructor(type) {
    const boundary = /boundary="?([^";]+)/i.exec(type ?? "")?.[1] ?? "";
    this.mark = [...new TextEncoder().encode(`--${boundary.replace(/^--/, "")}`)];
    this.left = new Uint8Array(0);
  }

  /** The bodies that `chunk` completes. */
  take(chunk) {
    const joined = new Uint8Array(this.left.length + chunk.length);
    joined.set(this.left);
    joined.set(chunk, this.left.length);
    this.left = joined;
    const bodies = [];
    for (;;) {
      const head = find(this.left, BLANK_LINE, 0);
      const end = head < 0 ? -1 : this.endOf(head, head + BLANK_LINE.length);
      if (end < 0) break;
      bodies.push(this.left.slice(head + BLANK_LINE.length, end));
      this.left = this.left.slice(end);
    }
    if (this.left.length > MOST) throw new Error("no picture");
    return bodies;
  }

  /** Where the body ends that begins at `start`: as its head says, at the next mark, or with the picture; -1 = not here yet. */
  endOf(head, start) {
    const { left } = this;
    const length = /content-length:\s*(\d+)/i.exec(new TextDecoder("latin1").decode(left.subarray(0, head)))?.[1];
    if (length) return start + Number(length) <= left.length ? start + Number(length) : -1;
    const mark = find(left, this.mark, start);
    if (mark >= 0) return mark;
    const tail = left.length - (left[left.length - 1] === 10 ? 2 : 0);
    return tail - 2 > start && left[tail - 2] === 0xff && left[tail - 1] === 0xd9 ? tail : -1;
  }
}

/** Calls `onPicture(bytes)` for each picture of `path` until the answer ends; throws when there is none. */
async function watch(path, signal, onPicture) {
  const answer = await fetch(path, { signal, cache: "no-store" });
  if (!answer.ok) throw new ApiError(answer.status, "CAMERA_UNREACHABLE", t("cameras.no_video"));
  const parts = new Parts(answer.headers.get("Content-Type"));
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parts.take(value).forEach(onPicture);
  }
}

/** Draws what comes; while one picture is decoded only the newest of the others waits. */
function painter(canvas, onDrawn) {
  let next = null, busy = false;
  return async (bytes) => {
    next = bytes;
    if (busy) return;
    busy = true;
    while (next) {
      const picture = new Blob([next], { type: "image/jpeg" });
      next = null;
      try {
        const image = await createImageBitmap(picture);
        if (canvas.width !== image.width || canvas.height !== image.height) [canvas.width, canvas.height] = [image.width, image.height];
        canvas.getContext("2d").drawImage(image, 0, 0);
        image.close();
        onDrawn();
      } catch {
        // a broken picture; the next one comes
      }
    }
    busy = false;
  };
}

/** The picture of a camera for as long as it is mounted; says so when it stands still, and tries again. */
export function Video({ camera }) {
  const canvas = useRef(null);
  const drawn = useRef(0); // when the last picture came
  const [state, setState] = useState("waiting"); // waiting, live, still, failed
  useEffect(() => {
    const stop = new AbortController();
    let again = 0;
    const paint = painter(canvas.current, () => {
      drawn.current = now();
      setState("live");
    });
    const run = async () => {
      try {
        await watch(`/api/stream/annotated?camera_id=${encodeURIComponent(camera.id)}`, stop.signal, paint);
      } catch {
        // told below, like an end
      }
      if (stop.signal.aborted) return;
      setState(drawn.current ? "still" : "failed");
      again = setTimeout(run, AGAIN_MS);
    };
    run();
    const timer = setInterval(() => drawn.current && now() - drawn.current > SILENCE_MS && setState("still"), 1000);
    return () => {
      stop.abort();
      clearTimeout(again);
      clearInterval(timer);
    };
  }, [camera.id]);
  return html`<div class=${`video ${state}`}><canvas ref=${canvas} width="640" height="360" role="img" aria-label=${t("cameras.video_of", { name: camera.name })} />
    <p role="status">${state === "waiting" ? t("loading") : state === "failed" ? t("cameras.no_video") : state === "still" ? t("cameras.still", { time: time(drawn.current, { seconds: true }) }) : ""}</p></div>`;
}
