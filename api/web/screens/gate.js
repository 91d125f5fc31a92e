// In and out by hand. Nothing is recorded before it has been confirmed; the keyboard is enough.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { get, post, put, query, remove } from "../lib/api.js";
import { now } from "../lib/clock.js";
import { useSubmit } from "../lib/form.js";
import { dateOf, money, span } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { grade, reduce } from "../lib/plate.js";
import { href } from "../lib/router.js";
import { kindOfCard } from "./cards.js";
import { Badge, Button, Card, Dialog, Fault, Plate, Time, say } from "../lib/ui.js";

const CAMERA = { camera_id: "manual", camera_type: "ENTRY" };
const PAUSE_MS = 200; // a person is still typing
const PART = 3; // characters from which parts of plates are looked for
const ALIKE = 4; // cars that are offered

/**
 * Of what is typed: `visit`, the open one of this very plate (null for none; undefined while nobody
 * has answered), `alike`, other cars inside whose plates hold it, with look-alike characters, and
 * whether asking `failed`: then nobody knows.
 */
function useInside(text) {
  const plate = reduce(text);
  const [found, setFound] = useState({ plate: "", rows: [], failed: false });
  useEffect(() => {
    if (plate.length < PART) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const { visits } = await get(`/api/v1/visits${query({ plate_part: plate, lookalike: true, status: "IN", limit: 1 + ALIKE })}`, { signal: stop.signal });
        const exact = visits.some((row) => row.plate_id === plate) || visits.length <= ALIKE ? [] : (await get(`/api/v1/visits${query({ plate, status: "IN", limit: 1 })}`, { signal: stop.signal })).visits;
        setFound({ plate, rows: [...exact, ...visits], failed: false });
      } catch {
        if (!stop.signal.aborted) setFound({ plate, rows: [], failed: true });
      }
    }, PAUSE_MS);
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [plate]);
  if (plate.length < PART) return { visit: null, alike: [] };
  const alike = found.rows.filter((row) => row.plate_id !== plate).slice(0, ALIKE);
  return found.plate === plate ? { visit: found.rows.find((row) => row.plate_id === plate) ?? null, alike, failed: found.failed } : { visit: undefined, alike };
}

/** What will be asked for at the exit, from the central that decides. */
function usePreview(plate, direction) {
  const [preview, setPreview] = useState(undefined);
  useEffect(() => {
    if (direction !== "EXIT") return;
    post("/api/edge/detection", { edge_id: "page", plate_id: plate, plate_view: plate, camera_type: "car", direction, confidence: 1 }).then(
      (answer) => setPreview(answer.vehicle_info),
      () => setPreview(null),
    );
  }, [plate, direction]);
  return preview;
}

/** A key that is held down has asked; only one that is pressed again confirms. */
const onceOnly = (event) => event.key === "Enter" && event.repeat && event.preventDefault();

const stay = (from, to) => span(dateOf(to) - dateOf(from));

function Confirm({ plate, direction, onDone, onClose }) {
  const preview = usePreview(plate, direction);
  const sent = useRef(now() / 1000); // the same for every attempt: a repetition is recognised
  const { submit, busy, error } = useSubmit(async () => onDone(await post("/api/edge/event", {
    ...CAMERA, type: direction, camera_type: direction, camera_name: t("gate.camera"), timestamp: sent.current,
    data: { plate_text: plate, source: "manual", confidence: 1 },
  })));
  return html`<${Dialog} title=${t(`gate.confirm.${direction}`)} onClose=${onClose}><form onSubmit=${submit} onKeyDown=${onceOnly} class="gate-confirm">
    <p><${Plate} text=${plate.toUpperCase()} big /></p>
    ${grade(plate) === "unusual" && html`<p><${Badge} tone="warn">${t("gate.unusual")}<//></p>`}
    ${preview && html`<p class="fee">${preview.has_entry ? money(preview.fee) : t("gate.no_entry")}</p>
      ${preview.is_subscriber && html`<p><${Badge} tone="good">${t("gate.subscriber")}<//> <bdi>${kindOfCard(preview.customer_type)}</bdi></p>`}
      ${preview.has_entry && html`<p class="soft">${t("gate.since")} <${Time} value=${preview.entry_time} /> · ${stay(preview.entry_time, now())}</p>`}`}
    <${Fault} error=${error} />
    <div class="foot"><${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary big" type="submit" busy=${busy} autofocus>${t(`gate.do.${direction}`)}<//></div>
  </form><//>`;
}

/** Takes back what was recorded just now. */
function undo({ action, event_id: id }) {
  const path = `/api/v1/visits/${encodeURIComponent(id)}`;
  return action === "ENTRY" ? remove(path, { reason: t("undo") }) : put(path, { exit_time: null, reason: t("undo") });
}

function Result({ answer }) {
  const good = answer.success;
  return html`<${Card} tone=${good ? "good" : "warn"} title=${t(good ? `gate.done.${answer.action}` : "gate.kept")}>
    <div role="status"><p><${Plate} text=${answer.plate_view} big /></p>
    ${answer.action === "EXIT" && good && html`<p class="fee">${money(answer.fee)}</p><p class="soft">${stay(answer.entry_time, answer.exit_time)}</p>`}
    ${!good && html`<p>${t(`gate.code.${answer.code}`)}</p>`}
    ${answer.event_id && html`<p><a href=${href("visits", answer.event_id)}>${t("gate.visit")}</a></p>`}</div><//>`;
}

export default function Gate() {
  const [text, setText] = useState("");
  const [direction, setDirection] = useState(null);
  const [hurried, setHurried] = useState(false);
  const [result, setResult] = useState(null);
  const input = useRef(null);
  const { visit: inside, alike, failed } = useInside(text);
  const usable = grade(text) !== "short";
  const finish = (answer) => {
    setDirection(null);
    setResult(answer);
    setText("");
    // With the plate: the next car may be there before the last one can no longer be taken back.
    const told = `${t(answer.success ? `gate.done.${answer.action}` : "gate.kept")}: ${answer.plate_view}`;
    if (answer.success) say(told, { undo: async () => {
      await undo(answer);
      setResult((shown) => (shown === answer ? null : shown));
    } });
    else say(told, { tone: "warn" });
    input.current?.focus();
  };
  const submit = (event) => {
    event.preventDefault();
    setHurried(usable);
  };
  // Enter may come before the central has said where the car is; it is not forgotten.
  useEffect(() => {
    if (!hurried || inside === undefined) return;
    setHurried(false);
    if (usable) setDirection(inside ? "EXIT" : "ENTRY");
  }, [hurried, inside, usable]);
  return html`<div class="screen"><div class="head"><div><h1>${t("nav.gate")}</h1><p>${t("gate.lead")}</p></div></div>
    <form class="gate" onSubmit=${submit}>
      <label for="gate-plate">${t("gate.plate")}</label>
      <input id="gate-plate" ref=${input} class="plate-input" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="32" autofocus
        value=${text} onInput=${(event) => {
          setHurried(false);
          setText(event.target.value);
        }} aria-describedby="gate-state" />
      <p id="gate-state" role="status">${!text ? t("gate.type") : !usable ? t("gate.short") : inside === undefined ? t("loading")
        : failed ? t("gate.unknown") : inside ? html`<${Badge} tone="info">${t("gate.inside")}<//> <${Time} value=${inside.entry_time} /> <bdi>${inside.entry_camera_name}</bdi>` : html`<${Badge}>${t("gate.outside")}<//>`}</p>
      ${alike.length > 0 && !inside && html`<div class="bar" role="group" aria-label=${t("gate.alike")}><span class="soft">${t("gate.alike")}</span>${alike.map((row) => html`<button type="button" class="button" key=${row.event_id}
        onClick=${() => {
          setText(row.plate_view);
          input.current?.focus();
        }}><${Plate} text=${row.plate_view} /></button>`)}</div>`}
      <div class="gate-doors">
        <${Button} kind=${inside ? "plain big" : "primary big"} icon="down" disabled=${!usable} onClick=${() => setDirection("ENTRY")}>${t("gate.do.ENTRY")}<//>
        <${Button} kind=${inside ? "primary big" : "plain big"} icon="up" disabled=${!usable} onClick=${() => setDirection("EXIT")}>${t("gate.do.EXIT")}<//>
      </div>
    </form>
    ${result && html`<${Result} answer=${result} />`}
    ${direction && html`<${Confirm} plate=${text} direction=${direction} onDone=${finish} onClose=${() => {
      setDirection(null);
      input.current?.focus();
    }} />`}</div>`;
}
