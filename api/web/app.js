// The shell: who is here, where we are, whether the central answers. Screens are loaded when needed.
import { html, render, useEffect, useRef, useState } from "./vendor/preact.js";
import { findOut, post, session } from "./lib/api.js";
import { useCell } from "./lib/cell.js";
import { isElsewhere, now, zone } from "./lib/clock.js";
import { number, span, time } from "./lib/format.js";
import { language, startLanguage, t } from "./lib/i18n.js";
import { line, startLine, useData } from "./lib/live.js";
import { href, place } from "./lib/router.js";
import { startTheme } from "./lib/theme.js";
import { Help, startKeys } from "./lib/help.js";
import { Password } from "./lib/password.js";
import { Language, Theme } from "./lib/choice.js";
import { Icon, Loading, Messages, say } from "./lib/ui.js";
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
const PRELOAD_MS = 1500; // after the first screen
const PATIENCE_MS = 1500; // without the central before it is said
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
        () => {
          // A module that could not be fetched once is not fetched again by the same page.
          say(t("error.screen"), { tone: "bad" });
          line.watch(({ open }) => open && location.reload());
        },
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

/** Draws the component again every second. */
function useSeconds() {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
}

/** Whether the central is out of reach, and since when; a moment's break is nobody's business. */
function useLost() {
  const state = useCell(line);
  useSeconds();
  return !state.open && now() - state.since >= PATIENCE_MS ? state.since : null;
}

/** What is shown below is old, and says so: it is dimmed. */
function Main({ children }) {
  const since = useLost();
  return html`<main id="main" tabindex="-1" class=${since ? "away" : ""}>${since && html`<div class="lost" role="alert">${t("lost", { time: time(since), span: span(now() - since) })}</div>`}
    ${!since && html`<${Apart} />`}${children}</main>`;
}

/** Centrals that cannot be reached: this one goes on, and so much waits for them. */
function Apart() {
  const status = useData("/api/p2p/status", { every: 2000, quiet: true });
  const away = status.error ? [] : (status.data?.peers ?? []).filter((peer) => !peer.connected && peer.status !== "pending");
  return html`<div class="apart-notes" role="status">${away.map((peer) => html`<p key=${peer.peer_id} class="note"><a href=${href("mesh")}>${peer.since ? t("mesh.away_since", { id: peer.peer_id, time: time(peer.since) }) : t("mesh.away", { id: peer.peer_id })}</a>. ${t("mesh.alone")} <span aria-live="off">${peer.ahead > 0 && t("mesh.waits", { n: number(peer.ahead), id: peer.peer_id })}</span></p>`)}</div>`;
}

/** This central and what its clock shows, with the zone where the browser is in another one. */
function Site({ id }) {
  useSeconds();
  return html`<span class="site"><span translate=${false}>${id}</span> <time class="clock">${time(now())}</time>${isElsewhere() && html` <span class="soft zone">${zone()}</span>`}</span>`;
}

/** The program was updated under the page: what is loaded later would not fit. */
function Updated({ version }) {
  const first = useRef(null);
  first.current ??= version;
  return first.current && version && version !== first.current ? html`<button type="button" class="button primary" onClick=${() => location.reload()}>${t("reload", { version })}</button>` : null;
}

async function logout() {
  try {
    await post("/api/v1/logout", {});
  } catch {
    // whoever is not logged in any more has what they wanted
  }
  session.set(null);
}

function Header({ who, screen }) {
  const [password, setPassword] = useState(false);
  const status = useData("/api/status", { every: 15000, quiet: true });
  return html`<header class="top">
    <a class="brand" aria-label="ParkMesh" href=${href("home")}><img src="/web/icon.svg" alt="" width="28" height="28" /><span>ParkMesh</span></a>
    <${Site} id=${status.data?.node ?? ""} />
    <div class="tools"><${Updated} version=${status.data?.version} />
      <${Theme} /><${Language} />
      <${Help} screen=${screen} />
      ${who.how === "session" && html`<button type="button" class="button who" title=${t("password.change")} aria-label=${`${who.name}: ${t("password.change")}`} onClick=${() => setPassword(true)}><${Icon} name="accounts" /><bdi class="text">${who.name}</bdi></button>
        <button type="button" class="button" aria-label=${t("logout")} onClick=${logout}><${Icon} name="leave" /><span class="text">${t("logout")}</span></button>`}
    </div>${password && html`<${Password} who=${who} onClose=${() => setPassword(false)} />`}</header>`;
}

function App() {
  useCell(language);
  const who = useCell(session);
  const here = useCell(place);
  const known = SCREENS.find((screen) => screen.name === here.screen) ?? SCREENS[0];
  const Screen = useScreen(known.name);
  useEffect(() => {
    document.title = `${t(`nav.${known.name}`)} · ParkMesh`;
    document.getElementById("main")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [known.name, language.get()]);
  if (who === undefined) return html`<main class="boot" aria-busy="true"><h1>ParkMesh</h1></main>`;
  if (who === null) return html`<${Login} />`;
  return html`<a class="skip" href="#main" onClick=${(event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  }}>${t("skip")}</a>
    <${Header} who=${who} screen=${known.name} />
    <${Navigation} current=${known.name} who=${who} />
    <${Main}>${!mayOpen(known, who) ? html`<p class="empty">${t("error.role")}</p>` : Screen ? html`<${Screen} key=${known.name} id=${here.id} query=${here.query} who=${who} />` : html`<${Loading} />`}<//><${Messages} />`;
}

startTheme();
await startLanguage();
startKeys();
render(html`<${App} />`, document.getElementById("app"));
startLine();
findOut();
// All screens while the central is there: they must open when it is not.
setTimeout(() => SCREENS.forEach((screen) => import(`./screens/${screen.name}.js`).catch(() => {})), PRELOAD_MS);
