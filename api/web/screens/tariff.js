// What parking costs. One tariff for all centrals; fees taken never change.
import { html, useEffect, useState } from "../vendor/preact.js";
import { call } from "../lib/api.js";
import { money } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { Button, Card, Fault, Field, say } from "../lib/ui.js";

/** The fee for `minutes`, as the central reckons: free at first, then each hour that has begun. */
const feeOf = (fees, minutes) => {
  const over = minutes - Math.round(fees.fee_base * 60);
  return over <= 0 ? 0 : Math.ceil(over / 60) * fees.fee_per_hour;
};

const EXAMPLES = [20, 45, 120, 480, 1440];

export default function Tariff({ who }) {
  const [state, setState] = useState({ fees: null, etag: null, source: null });
  const [values, setValues] = useState(null);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const may = who.roles.includes("admin");
  const load = async () => {
    try {
      const { data, etag } = await call("GET", "/api/parking/fees");
      setState({ fees: data.fees, etag, source: data.source });
      setValues({ minutes: Math.round(data.fees.fee_base * 60), fee: data.fees.fee_per_hour, reason: "" });
      setError(null);
    } catch (failure) {
      setError(failure);
    }
  };
  useEffect(() => {
    load();
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await call("PUT", "/api/parking/fees", {
        body: { fees: { fee_base: Number(values.minutes) / 60, fee_per_hour: Number(values.fee) }, reason: values.reason },
        headers: state.etag ? { "If-Match": state.etag } : {},
      });
      say(t("tariff.saved"));
      await load();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  const set = (name) => (event) => setValues({ ...values, [name]: event.target.value });
  const shown = values && { fee_base: Number(values.minutes) / 60, fee_per_hour: Number(values.fee) };
  return html`<div class="head"><div><h1>${t("nav.tariff")}</h1><p>${t("tariff.lead")}</p></div></div>
    <${Fault} error=${error} retry=${load} />
    ${values && html`<div class="grid"><${Card} title=${t("tariff.in_force")}><form class="form" onSubmit=${submit}>
        <${Field} label=${t("tariff.free")} type="number" min="0" max="525600" step="1" required disabled=${!may} value=${values.minutes} onInput=${set("minutes")} />
        <${Field} label=${t("tariff.hour")} type="number" min="0" max="1000000000" step="1" required disabled=${!may} value=${values.fee} onInput=${set("fee")} />
        ${may && html`<${Field} label=${t("reason")} required maxlength="200" value=${values.reason} onInput=${set("reason")} />
          <footer><${Button} kind="primary" type="submit" busy=${busy}>${t("save")}<//></footer>`}</form><//>
      <${Card} title=${t("tariff.examples")}><ul class="list">${EXAMPLES.map((minutes) => html`<li key=${minutes} class="bar"><span>${t("tariff.example", { h: Math.floor(minutes / 60), m: minutes % 60 })}</span>
        <strong>${money(feeOf(shown, minutes))}</strong></li>`)}</ul><//></div>`}`;
}
