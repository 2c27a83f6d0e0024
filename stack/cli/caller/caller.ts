import { randomBytes } from 'node:crypto';

import { callerNameMistake } from '../../../agent/callers/rules.ts';
import { OPERATOR } from '../../../agent/contract.ts';
import { nearest } from '../../nearest.ts';
import { npmRun } from '../../next-command.ts';
import { helpOf, UsageError } from '../arguments/command-line.ts';
import type { CommandLine } from '../arguments/command-line.ts';
import { USAGES } from '../arguments/usages.ts';
import type { CommandContext } from '../system/environment.ts';
import { ConfiguredCallers } from './configured-callers.ts';
import { listOf } from './list.ts';
import { OperatorToken } from './operator-token.ts';

const ACTIONS = ['add', 'rotate', 'retire', 'list'] as const;
/** The options that belong to one action. */
const OPTIONS = { may: 'add', label: 'add', all: 'retire' } as const;

/**
 * `npm run caller -- add | rotate | retire | list`: changes who may call the agent, in the stack's file, or for the operator in
 * the file of the API token. A new token is the only line on stdout, and is stored nowhere. Returns 0.
 * @throws UsageError for invalid arguments, CliError if the change is not possible; nothing is changed then.
 */
export function caller(context: CommandContext, line: CommandLine): number {
  const { say } = context;
  const [action, name] = argumentsIn(line);
  const callers = new ConfiguredCallers(context);
  const operator = new OperatorToken(context, callers.hasTokenOfOperator);
  const up = npmRun('up');
  if (action === 'list') {
    process.stdout.write(listOf(operator, callers.all));
    return 0;
  }
  const token = randomBytes(32).toString('base64url');
  const retire = npmRun('caller', `retire ${name}`);
  if (name === OPERATOR) {
    if (action === 'rotate') {
      say(operator.rotate(token));
      say(`1. Deploy it, for each stack of this checkout: ${up}. From then on both tokens are valid.`);
      say(`2. Give the new token to everybody who uses the API token.`);
      say(`3. End the earlier one: ${retire}`);
    } else {
      say(operator.retire());
      say(`It is valid until: ${up}`);
    }
    return 0;
  }
  if (action === 'retire') {
    const isGone = callers.retire(name, line.has('all'));
    say(isGone ? `Removed ${name} from ${callers.fileName}.` : `Removed the older token of ${name}.`);
    say(`It is valid until: ${up}`);
    return 0;
  }
  if (action === 'add') callers.add(name, token, line.value('may'), line.all('label'));
  else callers.rotate(name, token);
  say(`${callers.fileName} has the hash of this token of ${name}. The token itself is stored nowhere:`);
  process.stdout.write(`${token}\n`);
  say(`1. Deploy it: ${up}${action === 'rotate' ? '. From then on both tokens are valid.' : ''}`);
  say(`2. Give it to ${name}, which sends it as "Authorization: Bearer TOKEN".`);
  if (action === 'rotate') say(`3. End the older one: ${retire}`);
  return 0;
}

/** @throws UsageError */
function argumentsIn(line: CommandLine): [action: (typeof ACTIONS)[number], name: string] {
  const refuse = (why: string): never => {
    throw new UsageError(`${why}\n\n${helpOf(USAGES.caller)}`);
  };
  const [word = '', name = '', ...more] = line.positionals;
  const action = ACTIONS.find((one) => one === word);
  if (action === undefined) {
    const meant = nearest(word, ACTIONS);
    const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
    return refuse(word === '' ? 'Specify what to do.' : `'${word}' is not something to do with a caller.${hint}`);
  }
  const [extra] = action === 'list' ? line.positionals.slice(1) : more;
  if (extra !== undefined) refuse(`Unexpected argument '${extra}'.`);
  if (action !== 'list' && name === '') refuse(`Specify the name of a caller: ${npmRun('caller', `${action} NAME`)}`);
  for (const [option, of] of Object.entries(OPTIONS)) {
    if ((line.has(option) || line.value(option) !== undefined) && action !== of)
      refuse(`Option '--${option}' is for '${of}' only.`);
  }
  if (name === OPERATOR && line.has('all')) refuse('The operator cannot be removed.');
  const mistake = action === 'add' ? callerNameMistake(name) : undefined;
  if (mistake !== undefined) refuse(`The name of a caller ${mistake}; it is '${name}'.`);
  return [action, name];
}
