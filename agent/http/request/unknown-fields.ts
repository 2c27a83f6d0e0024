import type { FieldError } from '../api/problem.ts';
import { runRequest } from '../api/run-request.ts';
import { didYouMean, KnownNames } from '../../did-you-mean.ts';

/** How many are listed: a body of one mebibyte has room for 110,000. */
const NAMED = 10;
const NAME_CHARS = 100;

/** Names that other programs use for the same thing. */
const ALIASES: Readonly<Record<string, string>> = {
  workingDir: 'workdir',
  workingDirectory: 'workdir',
  cwd: 'workdir',
  jsonSchema: 'outputSchema',
  deniedTools: 'disallowedTools',
  blockedTools: 'disallowedTools',
  budgetUsd: 'maxBudgetUsd',
  maxCostUsd: 'maxBudgetUsd',
  approvals: 'approve',
  requireApproval: 'approve',
};

const LIMITS = ['allowedTools', 'disallowedTools', 'permissionMode', 'maxTurns', 'maxBudgetUsd', 'approve'];
const ALIASES_OF_LIMITS = Object.keys(ALIASES).filter((alias) => LIMITS.includes(ALIASES[alias] ?? ''));

const fields = new KnownNames([...Object.keys(runRequest.shape), ...Object.keys(ALIASES)]);
const limits = new KnownNames([...LIMITS, ...ALIASES_OF_LIMITS]);

/** Words that on their own limit what a run may do. */
const LIMITING_WORD =
  /^(dis)?allow|^den(y|ied)|^block|^forbid|^restrict|^permission|approv|^read_?only|^sandbox|tools?$/i;

/** How the unknown fields of a run are handled. */
export interface UnknownFields {
  readonly errors: readonly FieldError[];
  readonly warnings: readonly string[];
}

/**
 * Looks for unknown fields in a body. One that seems to limit what the run may do is always refused: without it the run
 * could do more than its author intended.
 * @param others whether the others are ignored with a warning (old workflows send some) or refused.
 */
export function unknownFields(body: Readonly<Record<string, unknown>>, others: 'ignored' | 'refused'): UnknownFields {
  const unknown = Object.keys(body).filter((name) => !Object.hasOwn(runRequest.shape, name));
  if (others === 'refused') return { errors: errorsOf(unknown), warnings: [] };
  const { limit = [], other = [] } = Object.groupBy(unknown, (name) => (isLimit(name) ? 'limit' : 'other'));
  return { errors: errorsOf(limit), warnings: warningsOf(other) };
}

function isLimit(name: string): boolean {
  return LIMITING_WORD.test(name) || limits.nearest(name) !== undefined;
}

function errorsOf(names: readonly string[]): FieldError[] {
  const more = names.length - NAMED;
  return names.slice(0, NAMED).map((name, at) => {
    const others = more > 0 && at === NAMED - 1 ? ` ${more} more unknown fields are not listed.` : '';
    return { field: cut(name), message: `\`${cut(name)}\` is not a field of a run.${hintFor(name)}${others}` };
  });
}

function warningsOf(names: readonly string[]): string[] {
  const named = names
    .slice(0, NAMED)
    .map((name) => `The field ${JSON.stringify(cut(name))} is unknown and was ignored.${hintFor(name)}`);
  const more = names.length - named.length;
  return more > 0 ? [...named, `${more} more fields are unknown and were ignored.`] : named;
}

function hintFor(name: string): string {
  const found = fields.nearest(name);
  if (found !== undefined) return didYouMean(ALIASES[found] ?? found);
  return isLimit(name) ? ` To limit a run, use ${LIMITS.map((limit) => `\`${limit}\``).join(', ')}.` : '';
}

const cut = (name: string) => (name.length > NAME_CHARS ? `${name.slice(0, NAME_CHARS)}…` : name);
