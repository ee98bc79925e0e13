// format: numbers with units and times with zones, as people read them. A value that is not known
// is a dash, never a zero.

export const UNKNOWN = '–';
const THIN = '\u202f';

const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);

/** 1234567.8 → "1 234 567.8", with thin spaces. */
export function number(value, decimals = 0) {
  if (!known(value)) return UNKNOWN;
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split('.');
  const sign = value < 0 && Number(value.toFixed(decimals)) !== 0 ? '−' : '';
  return sign + whole.replace(/\B(?=(\d{3})+$)/g, THIN) + (fraction ? `.${fraction}` : '');
}

export const count = (value, one, many = `${one}s`) =>
  `${number(value)} ${value === 1 ? one : many}`;

/** Watt-hours as kilowatt-hours to the watt-hour. */
export const energy = (wh) => (known(wh) ? `${number(wh / 1000, 3)} kWh` : UNKNOWN);

export function power(w) {
  if (!known(w)) return UNKNOWN;
  if (Math.abs(w) < 10_000) return `${number(w)} W`;
  if (Math.abs(w) < 10_000_000) return `${number(w / 1000, 1)} kW`;
  return `${number(w / 1e6, 2)} MW`;
}

export const volts = (v) => (known(v) ? `${number(v, 1)} V` : UNKNOWN);

/** A share of a whole: 99.95 % stays below 100 %. */
export function percent(part, whole) {
  if (!known(part) || !whole) return UNKNOWN;
  const value = Math.floor((part / whole) * 1000) / 10;
  return `${number(value, 1)}\u00a0%`;
}

/** Seconds as the largest unit that fits: "12 s", "4 min", "3 h", "2 d". */
export function age(s) {
  if (!known(s)) return UNKNOWN;
  const seconds = Math.max(0, s);
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

const part = (options) => new Intl.DateTimeFormat('en-GB', options);
const CLOCK = part({ hour: '2-digit', minute: '2-digit' });
const SECONDS = part({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY = part({ day: 'numeric', month: 'short' });
const ZONE = part({ timeZoneName: 'short' });

const two = (value) => String(value).padStart(2, '0');

/** The local day of a Date: 2026-11-22. */
export const dayOf = (date) =>
  `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

/** The local zone's short name at a time: CET, GMT+2, UTC. */
export const zone = (t) =>
  ZONE.formatToParts(known(t) ? t * 1000 : Date.now()).find((p) => p.type === 'timeZoneName').value;

/** Unix seconds as "2026-11-22 23:04:05", local. */
export function time(t) {
  if (!t) return UNKNOWN;
  const date = new Date(t * 1000);
  return `${dayOf(date)} ${SECONDS.format(date)}`;
}

export const timeWithZone = (t) => (t ? `${time(t)} ${zone(t)}` : UNKNOWN);

/** Unix seconds as "23:04" today, "21 Nov 23:04" otherwise. */
export function clock(t) {
  if (!t) return UNKNOWN;
  const date = new Date(t * 1000);
  const text = CLOCK.format(date);
  return dayOf(date) === dayOf(new Date()) ? text : `${DAY.format(date)} ${text}`;
}

/** From one time to another, the day once where it is the same. */
export function span(from, to) {
  const [a, b] = [clock(from), clock(to)];
  if (a === b) return b;
  const sameDay = dayOf(new Date(from * 1000)) === dayOf(new Date(to * 1000));
  return `${a} to ${sameDay ? b.slice(-5) : b}`;
}

export const hours = (t) => CLOCK.format(new Date(t * 1000));
export const seconds = (t) => SECONDS.format(new Date(t * 1000));

/** 0x1234567890abcdef → 0x123456…cdef */
export const short = (hex) => (hex ? `${hex.slice(0, 8)}…${hex.slice(-4)}` : UNKNOWN);

export const ether = (gwei) => (known(gwei) ? `${number(gwei / 1e9, 4)} ETH` : UNKNOWN);

export function gwei(wei) {
  if (!known(wei)) return UNKNOWN;
  const value = wei / 1e9;
  if (value !== 0 && value < 0.01) return '< 0.01 gwei';
  return `${number(value, value < 100 ? 2 : 0)} gwei`;
}
