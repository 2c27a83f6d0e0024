import type { UpdateRecord } from '../../update-record.ts';
import { CliError } from '../system/terminal.ts';
import { StackFile } from '../../config/stack-file.ts';
import { asText } from '../../config/value-text.ts';
import { shown } from './update-list.ts';
import { shortImage } from '../../update-record.ts';

/**
 * Config that a way back leaves as it is: where the stack is, what it has in Azure, the volumes, which can neither shrink
 * nor change their class, and n8nApiUrl, which is set with a secret or not at all.
 */
const KEPT_KEY = /^(target|registry|volumeSize|workspaceStorage|workspaceSize|storageClass|n8nApiUrl|azure.*)$/;

/** What going back to an update does to the stack's file. */
export interface RollbackPlan {
  readonly record: UpdateRecord;
  /** The stack's file with that update's config, its image pinned. */
  readonly content: string;
  /** What an operator reads before saying yes. */
  readonly description: string;
}

/**
 * @param number As the operator gave it.
 * @param records Newest first.
 * @param content Of the stack's file.
 * @param projectDir Root of the repository.
 * @throws CliError when there is no record of that number.
 */
export function rollbackPlan(
  number: string,
  records: readonly UpdateRecord[],
  content: string,
  projectDir: string,
): RollbackPlan {
  const record = records.find((candidate) => String(candidate.number) === number);
  const [current] = records;
  if (record === undefined || current === undefined) {
    const known = records.map((candidate) => candidate.number).join(', ');
    throw new CliError(`There is no record of an update ${number}; there is ${known === '' ? 'none' : known}.`);
  }
  const file = new StackFile(content, projectDir);
  const image = shortImage(record.image);
  const from = record.image === current.image ? '' : `${shortImage(current.image)} -> `;
  const changes = [`image ${from}${image}, pinned from now on`];
  file.set('image', record.image);
  const kept: string[] = [];
  for (const [key, value] of Object.entries(record.config).filter(([name]) => name !== 'image')) {
    const now = file.get(key);
    if (now === asText(value)) continue;
    if (now === undefined) kept.push(`${key} was ${shown(value)}: no longer a key`);
    else if (KEPT_KEY.test(key)) kept.push(`${key} was ${shown(value)}: stays ${shown(now)}`);
    else {
      changes.push(`${key} ${shown(now)} -> ${shown(value)}`);
      file.set(key, value);
    }
  }
  if (record.login !== current.login) kept.push('login was another: stays as it is in the cluster');
  if (record.token !== current.token) kept.push('API token was another: stays as it is');
  if (record.claude !== current.claude)
    kept.push("claude's MCP servers and settings were others: they stay as they are");
  const lines = [
    `Back to update ${record.number} of ${record.time}:`,
    ...[...changes, ...kept].map((line) => `  ${line}`),
  ];
  return { record, content: file.toString(), description: lines.join('\n') };
}
