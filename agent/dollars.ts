/** US dollars for people: `$1,234.50`; below ten cents with two digits that count, `$0.0012`. */
export function dollars(amount: number): string {
  const isSmall = amount > 0 && amount < 0.095;
  const digits = isSmall
    ? { minimumSignificantDigits: 2, maximumSignificantDigits: 2 }
    : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return `$${amount.toLocaleString('en-US', digits)}`;
}
