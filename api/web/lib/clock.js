// The central's clock and time zone. What people read and type is its time, wherever the browser is.

const QUARTER_MS = 15 * 60 * 1000; // no zone changes its offset between two quarters of an hour
const DAY_MS = 24 * 60 * 60 * 1000;
const KEPT = 5000; // offsets; a list of visits needs a few hundred

let ahead = 0; // ms by which the central's clock is ahead of this machine's
let name = "UTC";
let offsetOf = () => 0; // of the zone at a full quarter
const offsets = new Map();

/** The offset of the zone at `ms` by the browser's own tables; throws for a name they do not have. */
function fromTables(zone) {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" });
  return (ms) => {
    const part = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) - ms;
  };
}

/** What GET /api/v1/me tells; `asked` is when (ms of this machine), so that the way counts half. */
export function setClock(timezone, time, asked) {
  ahead = Date.parse(time) - (asked + Date.now()) / 2;
  if (timezone === name) return;
  name = timezone;
  offsets.clear();
  try {
    offsetOf = fromTables(timezone);
  } catch {
    const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(time) ?? ["", "+", 0, 0];
    const fixed = (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60000;
    offsetOf = () => fixed;
  }
}

export const zone = () => name;

/** Whether the browser would show other times. */
export const isElsewhere = () => offsetAt(now()) !== -new Date(now()).getTimezoneOffset() * 60000;

/** How far this machine's clock is off, in ms. */
export const skew = () => -ahead;

/** The central's now, in ms since 1970. */
export const now = () => Date.now() + ahead;

function offsetAt(ms) {
  const quarter = Math.floor(ms / QUARTER_MS);
  let offset = offsets.get(quarter);
  if (offset === undefined) {
    if (offsets.size > KEPT) offsets.clear();
    offset = offsetOf(quarter * QUARTER_MS);
    offsets.set(quarter, offset);
  }
  return offset;
}

/** What the central's wall clock shows at an instant: to be read with getUTC... and toISOString. */
export const wall = (ms) => new Date(Number(ms) + offsetAt(Number(ms)));

/** The instant at which that clock shows `shown` (ms as if it were UTC). */
export const instant = (shown) => shown - offsetAt(shown - offsetAt(shown));

/** The start of the central's day that holds `ms`, or of the day so many days later. */
export const dayStart = (ms, later = 0) => instant((Math.floor(wall(ms).getTime() / DAY_MS) + later) * DAY_MS);

/** "2026-11-23" of an instant, and the other way round: the start of that day. */
export const dayOf = (ms) => wall(ms).toISOString().slice(0, 10);
export const startOf = (day, later = 0) => dayStart(instant(Date.parse(`${day}T12:00:00Z`)), later);

/** "2026-11-22T08:15" for an input of type datetime-local, and back to RFC 3339. */
export const toField = (ms) => wall(ms).toISOString().slice(0, 16);
export const fromField = (text) => new Date(instant(Date.parse(`${text}Z`))).toISOString();
