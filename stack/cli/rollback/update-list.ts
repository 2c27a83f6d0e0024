import { npmRun } from '../../next-command.ts';
import { changesBetween, HISTORY_TYPE, recordsIn, shortImage } from '../../update-record.ts';
import type { Change, RecordTexts, UpdateRecord } from '../../update-record.ts';
import type { ExportedState } from '../../pulumi-internals/state.ts';

/** The update records of a stack, newest first. */
export function recordsOf({ deployment }: ExportedState): readonly UpdateRecord[] {
  const history = deployment?.resources?.find(({ type }) => type === HISTORY_TYPE);
  return recordsIn(history?.outputs?.['records'] as RecordTexts | undefined);
}

/** A table with a line per update: number, time, image, what it changed. */
export function listOf(records: readonly UpdateRecord[]): string {
  if (records.length === 0) return 'There is no record of an update yet. Each update is recorded when it completes.\n';
  const rows = records.map((record, index) => {
    const earlier = records[index + 1];
    const changed = earlier === undefined ? ['oldest recorded update'] : changesBetween(earlier, record).map(inShort);
    const when = `${record.time.slice(0, 16).replace('T', ' ')}Z`;
    return [String(record.number), when, shortImage(record.image), changed.join(', ')];
  });
  const table = [['update', 'when', 'image', 'what it changed'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return `${lines.join('\n')}\n\nTo roll back to one of them: ${npmRun('rollback', 'NUMBER')}\n`;
}

/** A config value as shown to the operator; an empty one is visible. */
export const shown = (value: string | undefined): string => (value === undefined || value === '' ? "''" : value);

function inShort({ what, from, to }: Change): string {
  if (what === 'config image') return to ? 'pinned' : 'no longer pinned';
  if (what === 'claude') return "claude's MCP servers or settings";
  if (what === 'git') return 'credentials for git hosts';
  if (!what.startsWith('config ')) return what;
  return `${what.slice('config '.length)} ${shown(from)} -> ${shown(to)}`;
}
