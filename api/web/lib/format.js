// Values as people read them.
import { language, t } from "./i18n.js";

const locale = () => (language.get() === "vi" ? "vi-VN" : "en-GB");
const two = (number) => String(number).padStart(2, "0");

export const number = (value) => (value == null ? "–" : new Intl.NumberFormat(locale()).format(value));
export const money = (value) => (value == null ? "–" : `${number(value)} đ`);

/** A time of the server: ms, RFC 3339, or the local text "YYYY-MM-DD HH:MM:SS". */
export function dateOf(value) {
  if (value == null || value === "") return null;
  const date = new Date(typeof value === "string" ? value.replace(" ", "T") : value);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** "08:15", with the day before it unless it is today. */
export function time(value, { seconds = false } = {}) {
  const date = dateOf(value);
  if (!date) return "–";
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}${seconds ? `:${two(date.getSeconds())}` : ""}`;
  const today = new Date();
  if (date.toDateString() === today.toDateString()) return clock;
  const day = `${two(date.getDate())}/${two(date.getMonth() + 1)}`;
  return date.getFullYear() === today.getFullYear() ? `${day} ${clock}` : `${day}/${date.getFullYear()} ${clock}`;
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

export const ago = (value) => {
  const date = dateOf(value);
  return date ? t("span.ago", { span: span(Date.now() - date.getTime()) }) : "–";
};
