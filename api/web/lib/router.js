// Where we are: #/visits/NAME?status=IN. The address is the state, so that it can be sent and kept.
import { cell } from "./cell.js";

function read() {
  const [path, search = ""] = location.hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  return { screen: parts[0] ?? "home", id: parts[1] ?? null, query: Object.fromEntries(new URLSearchParams(search)) };
}

export const place = cell(read());
addEventListener("hashchange", () => place.set(read()));

/** "#/screen/id?name=value" without what is empty. */
export function href(screen, id = null, parameters = {}) {
  const search = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value != null));
  const tail = search.toString();
  return `#/${screen}${id == null ? "" : `/${encodeURIComponent(id)}`}${tail ? `?${tail}` : ""}`;
}

export const go = (screen, id, parameters) => {
  location.hash = href(screen, id, parameters);
};

/** Changes the address without a step in the browser's history: filters while they are typed. */
export function replace(screen, id, parameters) {
  history.replaceState(null, "", href(screen, id, parameters));
  place.set(read());
}
