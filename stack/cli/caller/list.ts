import type { CallerSetting } from '../../../agent/callers/rules.ts';
import { OPERATOR } from '../../../agent/contract.ts';
import { sha256 } from '../../sha256.ts';
import type { OperatorToken } from './operator-token.ts';

/** The first digits of the hashes of tokens, the newer one last. */
const shown = (hashes: readonly string[]): string => hashes.map((hash) => hash.slice(0, 12).toLowerCase()).join(', ');

/** A table with a line per caller: name, rights, tokens, labels. */
export function listOf(operator: OperatorToken, callers: readonly CallerSetting[]): string {
  const ofOperator = shown(operator.all.map(sha256)) || 'not on this machine';
  const rows = [
    ['caller', 'may', 'tokens (SHA-256, the newer one last)', 'labels'],
    [OPERATOR, 'admin', ofOperator, ''],
    ...callers.map(({ name, may, sha256: hashes, labels = {} }) => [
      name,
      may.join(', '),
      shown(hashes),
      Object.entries(labels)
        .map(([label, value]) => `${label}=${value}`)
        .join(' '),
    ]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
