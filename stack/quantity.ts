const MEBIBYTE = 2 ** 20;
const UNITS: Readonly<Record<string, number>> = {
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

/** A share of a Kubernetes quantity of memory or disk in whole mebibytes, at least one. */
export function mebibytesOf(quantity: string, share: number): number {
  const [, number = '', unit = ''] = /^([\d.]+)(\D*)$/.exec(quantity) ?? [];
  const bytes = Number(number) * (UNITS[unit] ?? NaN);
  if (!Number.isFinite(bytes)) throw new Error(`${quantity} is no quantity of bytes.`);
  return Math.max(1, Math.floor((bytes * share) / MEBIBYTE));
}
