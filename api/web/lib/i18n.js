// Texts in the language of the person. Catalogues are flat JSON; {name} is replaced by a parameter.
import { cell } from "./cell.js";

export const LANGUAGES = { vi: "Tiếng Việt", en: "English" };
const STORED = "parkmesh.language";
const catalogues = {};

export const language = cell("vi");

async function load(code) {
  if (!catalogues[code]) {
    const answer = await fetch(`/web/i18n/${code}.json`);
    if (!answer.ok) throw new Error(`catalogue ${code}: ${answer.status}`);
    catalogues[code] = await answer.json();
  }
}

/** Switches without reloading the page; the choice is kept in this browser. */
export async function setLanguage(code) {
  await load(code);
  document.documentElement.lang = code;
  try {
    localStorage.setItem(STORED, code);
  } catch {
    // private windows may refuse; the choice then ends with the page
  }
  language.set(code);
}

export async function startLanguage() {
  let code = null;
  try {
    code = localStorage.getItem(STORED);
  } catch {
    code = null;
  }
  await setLanguage(LANGUAGES[code] ? code : "vi");
}

export function has(key) {
  return catalogues[language.get()]?.[key] !== undefined;
}

/** The text for a key. A missing one shows its key, which a test forbids. */
export function t(key, parameters) {
  const text = catalogues[language.get()]?.[key] ?? key;
  if (!parameters) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name) =>
    parameters[name] === undefined ? whole : String(parameters[name]),
  );
}

/** The person's words for a stable code of the server, else what the server said. */
export function tCode(code, otherwise) {
  const key = `code.${code}`;
  return code && has(key) ? t(key) : otherwise || code || t("error.unknown");
}
