// In and out by hand. Nothing is recorded before it has been confirmed; the keyboard is enough.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { get, post, query } from "../lib/api.js";
import { money } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { grade, reduce } from "../lib/plate.js";
import { Badge, Button, Card, Dialog, Fault, Plate, Time, say } from "../lib/ui.js";

const CAMERA = { camera_id: "manual", camera_type: "ENTRY" };
const PAUSE_MS = 200; // a person is still typing

/** The visit of this very plate that is open now; undefined while nobody has answered. */
function useInside(text) {
  const [inside, setInside] = useState(null);
  useEffect(() => {
    const plate = reduce(text);
    setInside(undefined);
    if (grade(text) === "short") {
      setInside(null);
      return undefined;
    }
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const found = await get(`/api/parking/history${query({ search: plate, in_parking_only: true, limit: 20 })}`, { signal: stop.signal });
        setInside(found.history.find((row) => row.plate_id === plate) ?? null);
      } catch (error) {
        if (!stop.signal.aborted) setInside(null);
      }
    }, PAUSE_MS);
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [text]);
  return inside;
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

function Confirm({ plate, direction, onDone, onClose }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const preview = usePreview(plate, direction);
  const sent = useRef(Date.now() / 1000); // the same for every attempt: a repetition is recognised
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      onDone(await post("/api/edge/event", {
        ...CAMERA, type: direction, camera_type: direction, camera_name: t("gate.camera"), timestamp: sent.current,
        data: { plate_text: plate, source: "manual", confidence: 1 },
      }));
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t(`gate.confirm.${direction}`)} onClose=${onClose}><form onSubmit=${submit} class="gate-confirm">
    <p><${Plate} text=${plate.toUpperCase()} big /></p>
    ${grade(plate) === "unusual" && html`<p><${Badge} tone="warn">${t("gate.unusual")}<//></p>`}
    ${preview && html`<p class="fee">${preview.has_entry ? money(preview.fee) : t("gate.no_entry")}</p>
      ${preview.has_entry && html`<p class="soft">${t("gate.since")} <${Time} value=${preview.entry_time} /> · ${preview.duration}</p>`}`}
    <${Fault} error=${error} />
    <footer><${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary big" type="submit" busy=${busy} autofocus>${t(`gate.do.${direction}`)}<//></footer>
  </form><//>`;
}

function Result({ answer }) {
  const good = answer.success;
  return html`<${Card} tone=${good ? "good" : "warn"} title=${t(good ? `gate.done.${answer.action}` : "gate.kept")}>
    <div role="status"><p><${Plate} text=${answer.plate_view} big /></p>
    ${answer.action === "EXIT" && good && html`<p class="fee">${money(answer.fee)}</p><p class="soft">${answer.duration}</p>`}
    ${!good && html`<p>${t(`gate.code.${answer.code}`)}</p>`}</div><//>`;
}

export default function Gate() {
  const [text, setText] = useState("");
  const [direction, setDirection] = useState(null);
  const [result, setResult] = useState(null);
  const input = useRef(null);
  const inside = useInside(text);
  const usable = grade(text) !== "short";
  const finish = (answer) => {
    setDirection(null);
    setResult(answer);
    setText("");
    say(t(answer.success ? `gate.done.${answer.action}` : "gate.kept"), { tone: answer.success ? "good" : "warn" });
    input.current?.focus();
  };
  const submit = (event) => {
    event.preventDefault();
    if (usable && inside !== undefined) setDirection(inside ? "EXIT" : "ENTRY");
  };
  return html`<div class="head"><div><h1>${t("nav.gate")}</h1><p>${t("gate.lead")}</p></div></div>
    <form class="gate" onSubmit=${submit}>
      <label for="gate-plate">${t("gate.plate")}</label>
      <input id="gate-plate" ref=${input} class="plate-input" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="32" autofocus
        value=${text} onInput=${(event) => setText(event.target.value)} aria-describedby="gate-state" />
      <p id="gate-state" role="status">${!text ? t("gate.type") : !usable ? t("gate.short") : inside === undefined ? t("loading")
        : inside ? html`<${Badge} tone="info">${t("gate.inside")}<//> <${Time} value=${inside.entry_time} /> <bdi>${inside.entry_camera_name}</bdi>` : html`<${Badge}>${t("gate.outside")}<//>`}</p>
      <div class="gate-doors">
        <${Button} kind=${inside ? "plain big" : "primary big"} icon="down" disabled=${!usable} onClick=${() => setDirection("ENTRY")}>${t("gate.do.ENTRY")}<//>
        <${Button} kind=${inside ? "primary big" : "plain big"} icon="up" disabled=${!usable} onClick=${() => setDirection("EXIT")}>${t("gate.do.EXIT")}<//>
      </div>
    </form>
    ${result && html`<${Result} answer=${result} />`}
    ${direction && html`<${Confirm} plate=${text} direction=${direction} onDone=${finish} onClose=${() => {
      setDirection(null);
      input.current?.focus();
    }} />`}`;
}
