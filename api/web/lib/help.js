// What a screen is for, behind a button and the key "?"; and the keys that work everywhere.
import { html, useEffect } from "../vendor/preact.js";
import { cell, useCell } from "./cell.js";
import { t } from "./i18n.js";
import { Button, Dialog, Icon } from "./ui.js";

const open = cell(false);

const isTyping = (element) => element?.matches("input, textarea, select") || element?.isContentEditable;

/** "/" goes to the search, "?" opens the help; not while something is typed or a dialog is open. */
export function startKeys() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const search = event.key === "/" && document.querySelector("main input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "?") {
      open.set(true);
    }
  });
}

/** The button and, when it is open, the dialog. */
export function Help({ screen }) {
  const shown = useCell(open);
  const close = () => open.set(false);
  useEffect(close, [screen]);
  return html`<button type="button" class="button icon-only" aria-label=${t("help")} title=${t("help")} onClick=${() => open.set(true)}><${Icon} name="help" /></button>
    ${shown && html`<${Dialog} title=${t(`nav.${screen}`)} onClose=${close}>
      ${t(`help.${screen}`).split("\n").map((text, index) => html`<p key=${index}>${text}</p>`)}
      <p class="soft">${t("help.keys")}</p>
      <div class="foot"><${Button} kind="primary" autofocus onClick=${close}>${t("close")}<//></div><//>`}`;
}
