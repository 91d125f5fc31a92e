// Light, dark, or as the system says.
import { cell } from "./cell.js";

const STORED = "parkmesh.theme";
export const theme = cell("auto");

export function setTheme(name) {
  document.documentElement.dataset.theme = name;
  try {
    localStorage.setItem(STORED, name);
  } catch {
    // the choice then ends with the page
  }
  theme.set(name);
}

export function startTheme() {
  let name = null;
  try {
    name = localStorage.getItem(STORED);
  } catch {
    name = null;
  }
  setTheme(["light", "dark"].includes(name) ? name : "auto");
}
