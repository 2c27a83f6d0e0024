/**
 * `npm run up | preview | plan | refresh | down | rollback | login | caller | doctor | backup | restore`: runs Pulumi and creates
 * what it needs on first use. Further arguments go to Pulumi: `npm run up -- --yes`. `npm run pulumi -- config set …` runs any
 * other Pulumi command on the same stack.
 * @module
 */
import { asksForHelp, helpOf, readLine, UsageError } from './arguments/command-line.ts';
import type { Usage } from './arguments/command-line.ts';
import { StackFileError } from '../config/stack-file.ts';
import { ConfigError } from '../config/reader.ts';
import { nearest } from '../nearest.ts';
import { suggestFor, USUAL_STACK } from '../next-command.ts';
import { SeedError } from '../session/files.ts';
import { refuseSwallowed } from './arguments/npm-options.ts';
import { backup } from './backup/backup.ts';
import { refuseWithinRestore } from './archive/progress.ts';
import { restore } from './restore/restore.ts';
import { caller } from './caller/caller.ts';
import { doctor } from './doctor/report.ts';
import { down } from './down.ts';
import { CliError } from './system/terminal.ts';
import { readEnvironment } from './system/environment.ts';
import { logIn } from './login/login.ts';
import { preview } from './preview.ts';
import { asksPulumiForHelp, pulumi, stackOption } from './pulumi.ts';
import { refresh } from './refresh.ts';
import { rollback } from './rollback/rollback.ts';
import { up } from './up/up.ts';
import { PULUMI_USAGE, USAGES } from './arguments/usages.ts';

/** As Pulumi.yaml names it. */
const PROJECT = 'claude-code-agent';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

try {
  const [name = '', ...given] = process.argv.slice(2);
  process.exitCode = await run(name, given);
} catch (error) {
  const expected = [CliError, UsageError, SeedError, ConfigError, StackFileError];
  if (!(error instanceof Error) || !(expected.some((kind) => error instanceof kind) || isOfFiles(error))) throw error;
  say(error.message);
  process.exitCode = 1;
}

/** A file or folder of the operator that can't be read or written; the message names it. */
function isOfFiles(error: Error): boolean {
  return 'syscall' in error && 'path' in error;
}

async function run(name: string, given: readonly string[]): Promise<number> {
  const usage = usageOf(name);
  if (asksForHelp(given) && !(name === 'pulumi' && asksPulumiForHelp(given))) {
    process.stdout.write(`${helpOf(usage)}\n`);
    return 0;
  }
  const environment = readEnvironment();
  refuseSwallowed(usage, given, environment.env);
  const usual = environment.stack ?? USUAL_STACK;
  // Pulumi checks its own arguments.
  const line = readLine(usage, name === 'pulumi' ? [] : given);
  const stack = checkedStack((name === 'pulumi' ? stackOption(given).stack : line.value('stack')) ?? usual);
  suggestFor(stack, usual);
  const context = { environment, project: PROJECT, stack, given, args: line.passedOn, say };
  const commands: Readonly<Record<keyof typeof USAGES | 'pulumi', () => Promise<number>>> = {
    up: () => {
      refuseWithinRestore(environment.localDir);
      return up(context);
    },
    preview: () => preview(context),
    refresh: () => refresh(context),
    down: () => down(context),
    rollback: () => rollback(context, line.positionals[0]),
    // Imported on demand: it loads Pulumi's SDK, which takes longer than everything else.
    plan: async () => (await import('./plan/plan.ts')).plan(context, line),
    login: () => logIn(context, line),
    caller: () => Promise.resolve(caller(context, line)),
    doctor: () => doctor(context, line),
    backup: () => backup(context),
    restore: () => restore({ ...context, up: (...args) => up({ ...context, args }) }),
    pulumi: () => pulumi(context),
  };
  return commands[name as keyof typeof commands]();
}

/** @throws UsageError for an unknown command. */
function usageOf(name: string): Usage {
  const usages: Readonly<Record<string, Usage>> = { ...USAGES, pulumi: PULUMI_USAGE };
  const usage = Object.hasOwn(usages, name) ? usages[name] : undefined;
  if (usage !== undefined) return usage;
  const meant = nearest(name, Object.keys(usages));
  throw new UsageError(
    `Unknown command '${name}'. Allowed: ${Object.keys(usages).join(', ')}.${meant === undefined ? '' : ` Did you mean npm run ${meant}?`}`,
  );
}

/** @throws UsageError for an invalid stack name. */
function checkedStack(stack: string): string {
  if (/^(?!.*\.\.)[\w.-]{1,100}(\/[\w.-]{1,100}){0,2}$/.test(stack)) return stack;
  throw new UsageError(
    `'${stack}' is not a valid stack name. Use letters, digits, '_', '-' and '.', as in --stack prod.`,
  );
}
