// The shell: who is here, where we are, whether the central answers. Screens are loaded when needed.
import { html, render, useEffect, useState } from "./vendor/preact.js";
import { findOut, post, session } from "./lib/api.js";
import { useCell } from "./lib/cell.js";
import { span, time } from "./lib/format.js";
import { LANGUAGES, language, setLanguage, startLanguage, t } from "./lib/i18n.js";
import { line, startLine, useData } from "./lib/live.js";
import { href, place } from "./lib/router.js";
import { setTheme, startTheme, theme } from "./lib/theme.js";
import { Icon, Messages, say } from "./lib/ui.js";
import { Login } from "./screens/login.js";

// The least role that a screen is of use to; the server decides what may be done.
const SCREENS = [
  { name: "home", role: "viewer" },
  { name: "visits", role: "viewer" },
  { name: "gate", role: "operator" },
  { name: "mesh", role: "viewer" },
  { name: "conflicts", role: "viewer" },
  { name: "lots", role: "viewer" },
  { name: "cameras", role: "viewer" },
  { name: "people", role: "viewer" },
  { name: "cards", role: "viewer" },
  { name: "tariff", role: "viewer" },
  { name: "accounts", role: "admin" },
  { name: "health", role: "viewer" },
];
const FIRST = 4; // on a phone's bar; the others behind "more"

const mayOpen = (screen, who) => who.roles.includes(screen.role);

const modules = {};
function useScreen(name) {
  const [, drawn] = useState(0);
  useEffect(() => {
    if (!modules[name]) {
      import(`./screens/${name}.js`).then(
        (module) => {
          modules[name] = module.default;
          drawn((n) => n + 1);
        },
        () => say(t("error.screen"), { tone: "bad" }),
      );
    }
  }, [name]);
  return modules[name];
}

function Navigation({ current, who }) {
  const [more, setMore] = useState(false);
  const screens = SCREENS.filter((screen) => mayOpen(screen, who));
  useEffect(() => setMore(false), [current]);
  return html`<nav class=${more ? "nav all" : "nav"} aria-label=${t("nav")}>
    <ul>${screens.map((screen, index) => html`<li key=${screen.name} class=${index >= FIRST ? "later" : ""}>
      <a href=${href(screen.name)} aria-current=${current === screen.name ? "page" : null}><${Icon} name=${screen.name} /><span>${t(`nav.${screen.name}`)}</span></a></li>`)}
      <li class="more"><button type="button" aria-expanded=${more ? "true" : "false"} onClick=${() => setMore(!more)}><${Icon} name="more" /><span>${t("nav.more")}</span></button></li>
    </ul></nav>`;
}

function Lost() {
  const state = useCell(line);
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const away = Date.now() - state.since;
  if (state.open || away < 1500) return null;
  return html`<div class="lost" role="alert">${t("lost", { time: time(state.since), span: span(away) })}</div>`;
}

async function logout() {
  try {
    await post("/api/v1/logout", {});
  } catch {
    // whoever is not logged in any more has what they wanted
  }
  session.set(null);
}

function Header({ who }) {
  const code = useCell(language);
  const shade = useCell(theme);
  const status = useData("/api/status", { every: 15000, quiet: true });
  return html`<header class="top">
    <a class="brand" href=${href("home")}><img src="/web/icon.svg" alt="" width="28" height="28" /><span>ParkMesh</span></a>
    <span class="site" translate="no">${status.data?.node ?? ""}</span>
    <div class="tools">
      <select aria-label=${t("theme")} value=${shade} onChange=${(event) => setTheme(event.target.value)}>
        ${["auto", "light", "dark"].map((name) => html`<option value=${name}>${t(`theme.${name}`)}</option>`)}</select>
      <select aria-label=${t("language")} value=${code} onChange=${(event) => setLanguage(event.target.value)}>
        ${Object.entries(LANGUAGES).map(([key, name]) => html`<option value=${key} lang=${key}>${name}</option>`)}</select>
      ${who?.name && html`<span class="who"><bdi>${who.name}</bdi></span><button type="button" class="button" onClick=${logout}>${t("logout")}</button>`}
    </div></header>`;
}

function App() {
  useCell(language);
  const who = useCell(session);
  const here = useCell(place);
  const known = SCREENS.find((screen) => screen.name === here.screen) ?? SCREENS[0];
  const Screen = useScreen(known.name);
  useEffect(() => {
    document.title = `${t(`nav.${known.name}`)} · ParkMesh`;
    document.getElementById("main")?.focus();
  }, [known.name, language.get()]);
  if (who === undefined) return html`<main class="boot" aria-busy="true"><h1>ParkMesh</h1></main>`;
  if (who === null) return html`<${Login} />`;
  return html`<a class="skip" href="#main" onClick=${(event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  }}>${t("skip")}</a>
    <${Header} who=${who} />
    <${Navigation} current=${known.name} who=${who} />
    <main id="main" tabindex="-1"><${Lost} />
      ${!mayOpen(known, who) ? html`<p class="empty">${t("error.role")}</p>` : Screen ? html`<${Screen} id=${here.id} query=${here.query} who=${who} />` : html`<p class="empty" aria-busy="true">${t("loading")}</p>`}
    </main><${Messages} />`;
}

startTheme();
await startLanguage();
render(html`<${App} />`, document.getElementById("app"));
startLine();
findOut();
