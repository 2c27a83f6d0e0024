const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** Minute, hour, day of the month, month, day of the week: what each may be, and its names for that. */
const FIELDS: readonly { readonly min: number; readonly max: number; readonly names: readonly string[] }[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: DAYS },
];

/** Whether a CronJob takes this as its schedule: five fields of lists, ranges and steps (the API server's own rules). */
export function isCron(text: string): boolean {
  const fields = text.trim().split(/\s+/);
  return (
    fields.length === FIELDS.length && fields.every((field, at) => field.split(',').every((part) => isPart(part, at)))
  );
}

function isPart(part: string, at: number): boolean {
  const [, from = '', to, step] = /^([^-/]+)(?:-([^-/]+))?(?:\/([1-9]\d*))?$/.exec(part) ?? [];
  if (from === '*' || from === '?') return to === undefined;
  const [first, last] = [valueOf(from, at), to === undefined ? undefined : valueOf(to, at)];
  return first !== undefined && (to === undefined || (last !== undefined && last >= first)) && step !== '0';
}

function valueOf(text: string, at: number): number | undefined {
  const field = FIELDS[at];
  if (field === undefined) return undefined;
  const named = field.names.indexOf(text.toLowerCase());
  const number = named >= 0 ? named + field.min : /^\d{1,2}$/.test(text) ? Number(text) : NaN;
  return number >= field.min && number <= field.max ? number : undefined;
}
