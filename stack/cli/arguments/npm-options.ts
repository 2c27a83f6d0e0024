import { UsageError } from './command-line.ts';
import type { Usage } from './command-line.ts';

/** Options that npm or `node-gyp` have too: the operator may have set these for npm itself. */
const OF_NPM = new Set(['yes', 'json', 'message', 'color', 'only', 'debug', 'target', 'help', 'short']);

/**
 * Refuses to run if npm kept options for itself. npm takes all options before `--`; it warns about unknown ones, and the
 * command does not get them. npm exports them as `npm_config_<name>`: `true`, or the value after `=`; before npm 11 also the
 * word that followed the option.
 * @throws UsageError with the correct command.
 */
export function refuseSwallowed(usage: Usage, args: readonly string[], env: NodeJS.ProcessEnv): void {
  const instead = swallowed(usage, args, env);
  if (instead === undefined) return;
  throw new UsageError(
    `npm takes the options before \`--\` for itself, so the command would run without them. Run instead: ${instead}`,
  );
}

function swallowed(usage: Usage, args: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const names = [...Object.keys(usage.options), ...(usage.passesOn?.flags ?? []), ...(usage.passesOn?.values ?? [])];
  const taken = names.filter((name) => !OF_NPM.has(name) && (env[variable(name)] ?? '') !== '');
  if (taken.length === 0) return undefined;
  const rest = [...args];
  const options = taken.map((name) => {
    const given = env[variable(name)] ?? '';
    const value = usage.options[name]?.value ?? (usage.passesOn?.values.includes(name) ? 'VALUE' : undefined);
    if (value === undefined) return `--${name}`;
    if (given !== 'true') return `--${name} ${given}`;
    // npm left the value behind as a positional argument.
    const at = rest.findLastIndex((arg) => !arg.startsWith('-'));
    const [word] = at === -1 ? [] : rest.splice(at, 1);
    return `--${name} ${word ?? value}`;
  });
  return `${usage.command} -- ${[...rest, ...options].join(' ')}`;
}

const variable = (name: string): string => `npm_config_${name.replaceAll('-', '_')}`;
