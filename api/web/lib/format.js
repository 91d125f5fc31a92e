// Values as people read them; times as the central's clock shows them.
import { instant, now, wall, zone } from "./clock.js";
import { language, t } from "./i18n.js";

const locale = () => (language.get() === "vi" ? "vi-VN" : "en-GB");
const two = (number) => String(number).padStart(2, "0");

export const number = (value) => (value == null ? "–" : new Intl.NumberFormat(locale()).format(value));
export const money = (value) => (value == null ? "–" : `${number(value)} đ`);

/** "25 N" of 25000: for the little room at an axis. */
export const short = (value) => new Intl.NumberFormat(locale(), { notation: "compact", maximumFractionDigits: 1 }).format(value);

/** "1,5 GB" of a number of bytes. */
export function bytes(value) {
  if (value == null) return "–";
  const step = value < 1 ? 0 : Math.min(4, Math.floor(Math.log10(value) / 3));
  return `${new Intl.NumberFormat(locale(), { maximumSignificantDigits: 3 }).format(value / 1000 ** step)} ${["B", "kB", "MB", "GB", "TB"][step]}`;
}

const HAS_OFFSET = /(Z|[+-]\d\d:?\d\d)$/i;

/** The instant of a time of the server: ms, RFC 3339, or its local text "YYYY-MM-DD HH:MM:SS". */
export function dateOf(value) {
  if (value == null || value === "") return null;
  let ms = value;
  if (typeof value === "string") {
    const text = value.replace(" ", "T");
    ms = HAS_OFFSET.test(text) ? Date.parse(text) : instant(Date.parse(`${text}Z`));
  }
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? null : date;
}

const clock = (shown, seconds) => `${two(shown.getUTCHours())}:${two(shown.getUTCMinutes())}${seconds ? `:${two(shown.getUTCSeconds())}` : ""}`;
const day = (shown) => `${two(shown.getUTCDate())}/${two(shown.getUTCMonth() + 1)}`;

/** "08:15", with the day before it unless it is today. */
export function time(value, { seconds = false } = {}) {
  const date = dateOf(value);
  if (!date) return "–";
  const shown = wall(date), today = wall(now());
  if (shown.toISOString().slice(0, 10) === today.toISOString().slice(0, 10)) return clock(shown, seconds);
  const year = shown.getUTCFullYear() === today.getUTCFullYear() ? "" : `/${shown.getUTCFullYear()}`;
  return `${day(shown)}${year} ${clock(shown, seconds)}`;
}

/** "22/11/2026 08:15:03 (Asia/Ho_Chi_Minh)": nothing left to guess. */
export function fullTime(value) {
  const shown = wall(dateOf(value));
  return `${day(shown)}/${shown.getUTCFullYear()} ${clock(shown, true)} (${zone()})`;
}

/** "22/11/2026" of a day "2026-11-22"; "…" for none. */
export function dayText(value) {
  const [, year, month, date] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(value ?? "") ?? [];
  return year ? `${date}/${month}/${year}` : value || "…";
}

/** "3 phút", "2 giờ 5 phút", "4 ngày 3 giờ". */
export function span(ms) {
  if (ms == null || ms < 0) return "–";
  const minutes = Math.floor(ms / 60000);
  if (minutes < 1) return t("span.seconds", { n: Math.max(0, Math.floor(ms / 1000)) });
  if (minutes < 60) return t("span.minutes", { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) {
    return minutes % 60 ? t("span.hours_minutes", { h: hours, m: minutes % 60 }) : t("span.hours", { n: hours });
  }
  return hours % 24 ? t("span.days_hours", { d: Math.floor(hours / 24), h: hours % 24 }) : t("span.days", { n: Math.floor(hours / 24) });
}

/** Of clocks that differ a little: a moment to come counts as now. */
export const ago = (value) => {
  const date = dateOf(value);
  return date ? t("span.ago", { span: span(Math.max(0, now() - date.getTime())) }) : "–";
};
