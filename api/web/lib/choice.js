// How the page looks and speaks: two buttons of the header, which the browser remembers.
import { html } from "../vendor/preact.js";
import { useCell } from "./cell.js";
import { LANGUAGES, language, setLanguage, t } from "./i18n.js";
import { setTheme, theme } from "./theme.js";
import { Icon } from "./ui.js";

const THEMES = ["auto", "light", "dark"];

/** Each press gives the next one; the picture and the name say which one it is. */
export function Theme() {
  const shade = useCell(theme);
  const name = `${t("theme")}: ${t(`theme.${shade}`)}`;
  return html`<button type="button" class="button icon-only" aria-label=${name} title=${name} onClick=${() => setTheme(THEMES[(THEMES.indexOf(shade) + 1) % THEMES.length])}><${Icon} name=${shade} /></button>`;
}

/** Names the language that a press gives. */
export function Language() {
  const codes = Object.keys(LANGUAGES);
  const other = codes[(codes.indexOf(useCell(language)) + 1) % codes.length];
  return html`<button type="button" class="button language" lang=${other} title=${LANGUAGES[other]} onClick=${() => setLanguage(other)}><span class="text">${LANGUAGES[other]}</span><span class="short">${other.toUpperCase()}</span></button>`;
}
