import { parseArgs } from 'node:util';

import { nearest } from '../../nearest.ts';

/** An option of a command. */
export interface Option {
  /** Placeholder for its value, in capitals; undefined if it takes none. */
  readonly value?: string;
  /** One letter. */
  readonly short?: string;
  readonly help: string;
}

/** Options of another program, by name; its own help describes them. */
export interface ForeignOptions {
  /** The program's command, as typed. */
  readonly program: string;
  /** Options without a value, or with one only after `=`. */
  readonly flags: readonly string[];
  /** Options with a value. */
  readonly values: readonly string[];
  /** Names by their short letters. */
  readonly short: Readonly<Record<string, string>>;
  /** How to pass an option that is not listed here. */
  readonly others: string;
}

/** What a command does and which arguments it accepts; its help and its checks are derived from this. */
export interface Usage {
  /** As typed, without arguments: `npm run up`. */
  readonly command: string;
  /** What it does, in one or two sentences. */
  readonly summary: string;
  /** Positional arguments. `shown`: as in the help, such as `FILE` or `[NUMBER]`. */
  readonly positionals?: {
    readonly shown: string;
    readonly name: string;
    readonly most: number;
    readonly help: string;
  };
  readonly options: Readonly<Record<string, Option>>;
  readonly passesOn?: ForeignOptions;
}

/** Arguments that match a {@link Usage}. */
export interface CommandLine {
  /** Whether an option without a value was given. */
  readonly has: (option: string) => boolean;
  /** All values of an option, in the order given. */
  readonly all: (option: string) => readonly string[];
  /** The last value of an option. */
  readonly value: (option: string) => string | undefined;
  readonly positionals: readonly string[];
  /** Options of the other program, to pass on to it. */
  readonly passedOn: readonly string[];
}

/** The arguments are invalid; the message gives the reason and the usage of the command. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const HELP: Option = { short: 'h', help: 'Prints this help and exits.' };

/** Whether the arguments before a `--` ask for help. */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end === -1 ? args.length : end).some((arg) => arg === '--help' || arg === '-h');
}

/**
 * Reads the arguments of a command.
 * @throws UsageError with the first invalid argument, what was probably meant, and what is allowed.
 */
export function readLine(usage: Usage, args: readonly string[]): CommandLine {
  const { passesOn, positionals: expected } = usage;
  const own: Readonly<Record<string, Option>> = { ...usage.options, help: HELP };
  const foreign = foreignOptions(passesOn);
  const refuse = (why: string): never => {
    throw new UsageError(`${why}\n\n${helpOf(usage)}`);
  };
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: { ...foreign, ...Object.fromEntries(Object.entries(own).map(([name, option]) => [name, typeOf(option)])) },
  });
  const values = new Map<string, string[]>();
  const flags = new Set<string>();
  const positionals: string[] = [];
  const passedOn: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    const option = Object.hasOwn(own, name) ? own[name] : undefined;
    const other = Object.hasOwn(foreign, name) ? foreign[name] : undefined;
    if (option === undefined && other === undefined)
      refuse(unknown(rawName, [...Object.keys(own), ...Object.keys(foreign)]));
    const takesValue = option === undefined ? other?.type === 'string' : option.value !== undefined;
    if (takesValue && (value === undefined || value === '' || (!inlineValue && /^-./.test(value))))
      refuse(`Option '${rawName}' needs a value: ${rawName} ${option?.value ?? 'VALUE'}.`);
    if (option === undefined) {
      passedOn.push(...(value === undefined ? [rawName] : inlineValue ? [`${rawName}=${value}`] : [rawName, value]));
    } else if (option.value === undefined) {
      if (value !== undefined) refuse(`Option '${rawName}' takes no value.`);
      flags.add(name);
    } else values.set(name, [...(values.get(name) ?? []), value ?? '']);
  }
  if (positionals.length > (expected?.most ?? 0)) refuse(tooMany(usage, positionals));
  const all = (option: string): readonly string[] => values.get(option) ?? [];
  return { has: (option) => flags.has(option), all, value: (option) => all(option).at(-1), positionals, passedOn };
}

const typeOf = ({ value, short }: Option) =>
  ({ type: value === undefined ? 'boolean' : 'string', ...(short !== undefined && { short }) }) as const;

function foreignOptions(from: ForeignOptions | undefined) {
  const short = new Map(Object.entries(from?.short ?? {}).map(([letter, name]) => [name, letter]));
  const entry = (name: string, type: 'boolean' | 'string') => {
    const letter = short.get(name);
    return [name, letter === undefined ? { type } : { type, short: letter }] as const;
  };
  return Object.fromEntries([
    ...(from?.flags ?? []).map((name) => entry(name, 'boolean')),
    ...(from?.values ?? []).map((name) => entry(name, 'string')),
  ]);
}

function unknown(rawName: string, known: readonly string[]): string {
  const meant = rawName.startsWith('--') ? nearest(rawName.slice(2), known) : undefined;
  return `Unknown option '${rawName}'.${meant === undefined ? '' : ` Did you mean --${meant}?`}`;
}

function tooMany({ command, positionals: expected, options }: Usage, given: readonly string[]): string {
  if (expected !== undefined) return `Expected one ${expected.name}, but got ${given.join(' and ')}.`;
  const [first = ''] = given;
  const named = options['stack'] === undefined ? '' : ` To select a stack, use --stack: ${command} -- --stack ${first}`;
  return `Unexpected argument '${first}'.${named}`;
}

/** The help text of a command. */
export function helpOf({ command, summary, positionals, options, passesOn }: Usage): string {
  const all = Object.entries({ ...options, help: HELP });
  const usage = [
    ...(positionals === undefined ? [] : [positionals.shown]),
    ...Object.entries(options).map(([name, { value }]) => `[--${name}${value === undefined ? '' : ` ${value}`}]`),
    ...(passesOn === undefined ? [] : [`[OPTIONS of ${passesOn.program}]`]),
  ];
  const rows = [
    ...(positionals === undefined ? [] : [[positionals.shown, positionals.help]]),
    ...all.map(([name, { value, short, help }]) => [
      `--${name}${value === undefined ? '' : ` ${value}`}${short === undefined ? '' : `, -${short}`}`,
      help,
    ]),
  ];
  const width = Math.max(...rows.map(([left = '']) => left.length));
  const lines = [
    `${command}${usage.length === 0 ? '' : ` -- ${usage.join(' ')}`}`,
    '',
    summary,
    '',
    ...rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right}`),
  ];
  return [...lines, ...(passesOn === undefined ? [] : ['', ...helpOfOthers(passesOn)])].join('\n');
}

function helpOfOthers({ program, flags, values, others }: ForeignOptions): string[] {
  const names = [...flags.map((name) => `--${name}`), ...values.map((name) => `--${name} VALUE`)].sort();
  return [`Options of \`${program}\`:`, ...wrapped(names), `Any other option: ${others}`];
}

/** Words in lines of 100 characters. */
function wrapped(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 98) lines[lines.length - 1] = `${last}  ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines;
}
