import type { UpdateRecord } from '../../update-record.ts';
import { CliError } from '../system/terminal.ts';
import { StackFile } from '../../config/stack-file.ts';
import { asText } from '../../config/value-text.ts';
import { shown } from './update-list.ts';
import { shortImage } from '../../update-record.ts';

/**
 * Config that a rollback does not change: where the stack is, its Azure resources, the volumes, which can neither shrink nor
 * change their class, n8nApiUrl and gitHosts, which need a secret beside them, the callers, whose retired tokens would be valid again, and the
 * budgets, which belong to these callers and limit what is spent now.
 */
const KEPT_KEY =
  /^(target|registry|volumeSize|workspaceStorage|workspaceAccessMode|workspaceSize|storageClass|n8nApiUrl|callers|budgets|gitHosts|azure.*)$/;

/** Config of an update whose record lacks these keys: before there were runners, `claude` ran in the agent's pod. */
const BEFORE_RUNNERS = {
  runners: '0',
  warmRunners: '0',
  runnerReuse: 'true',
  runnerRuntimeClass: '',
  runnerEgress: 'internet',
};

/** Config of an update whose record lacks these keys: that version applies no source ranges and knows no callers outside. */
const BEFORE_HOST = {
  host: '',
  ingress: 'gateway',
  ingressClass: '',
  ingressNamespace: '',
  ingressAnnotations: '{}',
  tlsSecret: '',
  sourceRanges: '[]',
  trustedProxies: '1',
};

/** Lists that an earlier version may not know, and what that means. */
const WITHOUT = {
  callers: 'their tokens get 401',
  budgets: 'nothing limits what runs spend',
  gitHosts: 'runs with git are refused',
};

/** What going back to an update does to the stack's file. */
export interface RollbackPlan {
  readonly record: UpdateRecord;
  /** The stack's file with the config of that update and its image pinned. */
  readonly content: string;
  /** What the operator reads before confirming. */
  readonly description: string;
}

/**
 * @param number As the operator gave it.
 * @param records Newest first.
 * @param content Of the stack's file.
 * @param projectDir Root of the repository.
 * @throws CliError if there is no record with that number.
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
    throw new CliError(`There is no record of update ${number}. Available: ${known === '' ? 'none' : known}.`);
  }
  const file = new StackFile(content, projectDir);
  const image = shortImage(record.image);
  const from = record.image === current.image ? '' : `${shortImage(current.image)} -> `;
  const changes = [`image ${from}${image}, pinned from now on`];
  file.set('image', record.image);
  const kept: string[] = [];
  for (const [key, value] of Object.entries({ ...BEFORE_RUNNERS, ...BEFORE_HOST, ...record.config }).filter(
    ([name]) => name !== 'image',
  )) {
    const now = file.get(key);
    if (now === asText(value)) continue;
    if (now === undefined) kept.push(`${key} was ${shown(value)}: ignored, the key no longer exists`);
    else if (KEPT_KEY.test(key)) kept.push(`${key} was ${shown(value)}: stays ${shown(now)}`);
    else {
      changes.push(`${key} ${shown(now)} -> ${shown(value)}`);
      file.set(key, value);
    }
  }
  for (const [key, consequence] of Object.entries(WITHOUT)) {
    if (!(key in record.config) && file.get(key) !== '[]') {
      kept.push(`${key}: that version knows none, so that ${consequence} until you go forward again`);
    }
  }
  if (record.login !== current.login) kept.push('login was different: the login in the cluster stays');
  if (record.token !== current.token) kept.push('API token was different: the current one stays');
  if (record.claude !== current.claude)
    kept.push("claude's MCP servers or settings were different: the current ones stay");
  if (record.git !== current.git) kept.push('credentials for git hosts were different: the current ones stay');
  const lines = [
    `Roll back to update ${record.number} of ${record.time}:`,
    ...[...changes, ...kept].map((line) => `  ${line}`),
  ];
  return { record, content: file.toString(), description: lines.join('\n') };
}
