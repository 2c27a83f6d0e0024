const MEBIBYTE = 2 ** 20;
const UNITS: Readonly<Record<string, number>> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: MEBIBYTE,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** The number that a Kubernetes quantity stands for: bytes, or CPUs. NaN if it is not a quantity. */
export function quantity(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)(\D*)$/.exec(text) ?? [];
  return number === '' ? NaN : Number(number) * (UNITS[unit] ?? NaN);
}

/** A share of a Kubernetes quantity of memory or disk, in whole mebibytes, at least one. @throws Error if it is not a quantity. */
export function mebibytesOf(text: string, share: number): number {
  const bytes = quantity(text);
  if (!Number.isFinite(bytes)) throw new Error(`${text} is not a quantity of bytes.`);
  return Math.max(1, Math.floor((bytes * share) / MEBIBYTE));
}
