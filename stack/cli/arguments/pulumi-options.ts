import type { ForeignOptions } from './command-line.ts';

/** Such as `yes/y refresh/r diff`. */
const words = (text: string): string[] => text.trim().split(/\s+/);

/** Options of Pulumi itself, without `cwd`: the project is always this repository. */
const GLOBAL = {
  flags: 'disable-integrity-checking emoji/e fully-qualify-stack-names/Q logflow logtostderr non-interactive',
  values: 'color memprofilerate otel-traces profiling tracing verbose/v',
};
/** Options of all four commands. */
const COMMON = {
  flags: `config-path debug/d diff json/j neo run-program show-replacement-steps show-sames skip-config-validation
    skip-plugin-pre-install suppress-outputs suppress-permalink suppress-progress target-dependents urns`,
  values: 'config/c config-file message/m parallel/p target/t',
};
/** Further options of each command. */
const OWN = {
  up: {
    flags: `attach-debugger continue-on-error exclude-dependents expect-no-changes refresh/r show-config show-full-output
      show-policy-remediations show-reads show-secrets skip-preview/f strict yes/y`,
    values: 'exclude policy-pack policy-pack-config replace secrets-provider target-replace',
  },
  preview: {
    flags: `attach-debugger exclude-dependents expect-no-changes refresh/r show-config show-full-output
      show-policy-remediations show-reads show-secrets`,
    values: 'exclude/x import-file policy-pack policy-pack-config replace save-plan target-replace',
  },
  refresh: {
    flags:
      'clear-pending-creates exclude-dependents expect-no-changes preview-only skip-pending-creates skip-preview/f yes/y',
    values: 'exclude/x import-pending-creates',
  },
  destroy: {
    flags: `continue-on-error exclude-protected preview-only refresh/r remove show-config show-full-output skip-preview/f
      yes/y`,
    values: 'exclude/x',
  },
} as const;

/**
 * The options of a command of Pulumi 3.250 as `pulumi COMMAND --help` lists them, without `stack` and `help`, which the
 * launcher handles itself.
 */
export function optionsOf(command: keyof typeof OWN): ForeignOptions {
  const flags = [GLOBAL.flags, COMMON.flags, OWN[command].flags].flatMap(words);
  const values = [GLOBAL.values, COMMON.values, OWN[command].values].flatMap(words);
  const letters = [...flags, ...values].map((word) => word.split('/')).filter(([, letter]) => letter !== undefined);
  const nameOf = (word: string): string => word.split('/')[0] ?? word;
  return {
    program: `pulumi ${command}`,
    flags: flags.map(nameOf),
    values: values.map(nameOf),
    short: Object.fromEntries(letters.map(([name, letter]) => [letter, name])) as Record<string, string>,
    others: `npm run pulumi -- ${command} …, which passes all arguments on.`,
  };
}
