// Calls to the central that served this page. Everything that fails becomes an ApiError with words.
import { cell } from "./cell.js";
import { setClock } from "./clock.js";
import { t, tCode } from "./i18n.js";

const TIMEOUT_MS = 10000;

const AGAIN_MS = 2000;

/** Who is here: {name, roles, authenticated} of /api/v1/me; null = must log in; undefined = unknown. */
export const session = cell(undefined);

export class ApiError extends Error {
  constructor(status, code, text, hint, body) {
    super(text);
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.body = body;
  }
}

function errorOf(status, body) {
  const code = body?.code ?? null;
  const said = body?.detail && typeof body.detail === "string" ? body.detail : body?.error;
  return new ApiError(status, code, tCode(code, said || t("error.http", { status })), body?.hint, body);
}

async function bodyOf(answer) {
  const type = answer.headers.get("Content-Type") || "";
  try {
    if (type.startsWith("text/plain")) return await answer.text();
    return type.includes("json") ? await answer.json() : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{body?: object, headers?: object, timeout?: number, signal?: AbortSignal}} [options]
 * @returns {Promise<{data: any, etag: string|null}>}
 */
export async function call(method, path, options = {}) {
  const clock = AbortSignal.timeout(options.timeout ?? TIMEOUT_MS);
  const headers = { Accept: "application/json", ...options.headers };
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal ? AbortSignal.any([clock, options.signal]) : clock,
      cache: "no-store",
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, "UNREACHABLE", t("error.unreachable"));
  }
  const body = await bodyOf(answer);
  if (answer.status === 401 && !path.startsWith("/api/v1/login")) session.set(null);
  if (!answer.ok) throw errorOf(answer.status, body);
  return { data: body, etag: answer.headers.get("ETag") };
}

export const get = async (path, options) => (await call("GET", path, options)).data;
export const post = async (path, body, options) => (await call("POST", path, { ...options, body })).data;
export const put = async (path, body, options) => (await call("PUT", path, { ...options, body })).data;
export const remove = async (path, body, options) => (await call("DELETE", path, { ...options, body })).data;

/**
 * Requests for the same thing get numbers from what this returns: () => isNewest, and isNewest() says
 * once, when the answer is there, whether no later request has been answered before it.
 */
export function requests() {
  let asked = 0, answered = 0;
  return () => {
    const mine = ++asked;
    return () => {
      if (mine < answered) return false;
      answered = mine;
      return true;
    };
  };
}

const asking = requests();

/** Asks who we are, an account or everybody where the central is open, and what its clock shows. */
export async function findOut() {
  const asked = Date.now(), isNewest = asking();
  try {
    const { time, timezone, ...told } = await get("/api/v1/me");
    if (!isNewest()) return;
    setClock(timezone, time, asked);
    const who = told.roles.includes("viewer") ? told : null;
    if (JSON.stringify(who) !== JSON.stringify(session.get())) session.set(who);
  } catch {
    setTimeout(findOut, AGAIN_MS); // the central is not there yet
  }
}

/** "?a=1&b=2" of what is set; empty texts, null and undefined are left out. */
export function query(parameters) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "" && value !== false) search.set(name, value);
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}
