// Plates as people type them. The server has the last word; this only warns early.

/** What counts: upper case, A-Z and 0-9; Đ is a D on the keyboards of cameras. */
export const reduce = (text) => text.toUpperCase().replaceAll("Đ", "D").replace(/[^A-Z0-9]/g, "");

export const LEAST = 6;

// Two digits of a province, a series of one or two characters, four or five digits; army plates
// begin with two letters.
const USUAL = [/^\d{2}[A-HK-NPR-V-Z]{1,2}\d{4,5}$/, /^\d{2}[A-Z]\d{5,6}$/, /^[A-Z]{2}\d{4}$/];

/** "short": can be no plate; "unusual": possible, worth a second look; "usual". */
export function grade(text) {
  const plate = reduce(text);
  if (plate.length < LEAST) return "short";
  return USUAL.some((shape) => shape.test(plate)) ? "usual" : "unusual";
}
