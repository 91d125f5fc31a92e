// What parking costs. One tariff for all centrals; fees taken never change.
import { html, useEffect, useMemo, useState } from "../vendor/preact.js";
import { call, requests } from "../lib/api.js";
import { useSubmit } from "../lib/form.js";
import { money, span } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { Button, Card, Fault, Field, say } from "../lib/ui.js";

/** The fee for `minutes` in words, "–" while what is typed is none, as the central reckons: free at first, then each hour that has begun. */
const feeOf = (fees, minutes) => {
  if (!(fees.fee_base >= 0 && fees.fee_per_hour >= 0)) return "–";
  const over = minutes - Math.round(fees.fee_base * 60);
  return money(over <= 0 ? 0 : Math.ceil(over / 60) * fees.fee_per_hour);
};

const EXAMPLES = [20, 45, 120, 480, 1440];

const toValues = (fees) => ({ minutes: Math.round(fees.fee_base * 60), fee: fees.fee_per_hour, reason: "" });
const toFees = (values) => ({ fee_base: Number(values.minutes) / 60, fee_per_hour: Number(values.fee) });

export default function Tariff({ who }) {
  const [state, setState] = useState({ fees: null, etag: null });
  const [values, setValues] = useState(null);
  const [failed, setFailed] = useState(null);
  const may = who.roles.includes("admin");
  const asking = useMemo(requests, []);
  const load = async () => {
    const isNewest = asking();
    try {
      const { data, etag } = await call("GET", "/api/parking/fees");
      if (!isNewest()) return;
      setState({ fees: data.fees, etag });
      setValues(toValues(data.fees));
      setFailed(null);
    } catch (failure) {
      if (isNewest()) setFailed(failure);
    }
  };
  useEffect(() => {
    load();
  }, []);
  /** Puts them unless somebody else was faster than whoever saw `etag`. */
  const store = async (fees, reason, seen) => {
    const { etag } = await call("PUT", "/api/parking/fees", { body: { fees, reason }, headers: seen ? { "If-Match": seen } : {} });
    await load();
    return etag;
  };
  const { submit, busy, error } = useSubmit(async () => {
    const before = state.fees;
    const after = await store(toFees(values), values.reason, state.etag);
    say(t("tariff.saved"), { undo: () => store(before, t("undo"), after) });
  });
  const set = (name) => (event) => setValues({ ...values, [name]: event.target.value });
  return html`<div class="screen"><div class="head"><div><h1>${t("nav.tariff")}</h1><p>${t("tariff.lead")}</p></div></div>
    <${Fault} error=${failed} retry=${load} />
    ${values && html`<div class="grid"><${Card} title=${t("tariff.in_force")}><form class="form" onSubmit=${submit}>
        <${Field} label=${t("tariff.free")} type="number" min="0" max="525600" step="1" required disabled=${!may} value=${values.minutes} onInput=${set("minutes")} />
        <${Field} label=${t("tariff.hour")} type="number" min="0" max="1000000000" step="1" required disabled=${!may} value=${values.fee} onInput=${set("fee")} />
        ${may && html`<${Field} label=${t("reason")} required maxlength="200" class="wide" value=${values.reason} onInput=${set("reason")} />
          <${Fault} error=${error} /><div class="foot"><${Button} kind="primary" type="submit" busy=${busy}>${t("save")}<//></div>`}</form><//>
      <${Card} title=${t("tariff.examples")}><ul class="list">${EXAMPLES.map((minutes) => html`<li key=${minutes} class="bar"><span>${span(minutes * 60000)}</span>
        <strong class="end">${feeOf(toFees(values), minutes)}</strong></li>`)}</ul><//></div>`}</div>`;
}
