import { UsageError } from './command-line.ts';
import type { Usage } from './command-line.ts';

/** Options that npm has too, so that its setting may be somebody's own; and those that `node-gyp` reads there. */
const OF_NPM = new Set(['yes', 'json', 'message', 'color', 'only', 'debug', 'target', 'help', 'short']);

/**
 * Refuses to run without options that npm took. Those before `--` are npm's own: it warns of what it does not know, and the
 * command would not see them. npm hands them on in the environment, as `npm_config_<name>`: `true`, or what stood after `=`;
 * before npm 11 also the word that stood after it.
 * @throws UsageError with the command as it is to be typed.
 */
export function refuseSwallowed(usage: Usage, args: readonly string[], env: NodeJS.ProcessEnv): void {
  const instead = swallowed(usage, args, env);
  if (instead === undefined) return;
  throw new UsageError(
    `npm takes the options before \`--\` for itself, and this would run without them. Type: ${instead}`,
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
    // The value was left behind, as an argument.
    const at = rest.findLastIndex((arg) => !arg.startsWith('-'));
    const [word] = at === -1 ? [] : rest.splice(at, 1);
    return `--${name} ${word ?? value}`;
  });
  return `${usage.command} -- ${[...rest, ...options].join(' ')}`;
}

const variable = (name: string): string => `npm_config_${name.replaceAll('-', '_')}`;
