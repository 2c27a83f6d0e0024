import { parseArgs } from 'node:util';

import { nearest } from '../../nearest.ts';

/** An option of a command. */
export interface Option {
  /** What its value is, in capitals; without one it takes none. */
  readonly value?: string;
  /** One letter. */
  readonly short?: string;
  readonly help: string;
}

/** Options of another program, by their names; it says itself what they mean. */
export interface ForeignOptions {
  /** The program's command, as it is typed. */
  readonly program: string;
  /** Without a value, or with one only after `=`. */
  readonly flags: readonly string[];
  readonly values: readonly string[];
  /** Names by their letters. */
  readonly short: Readonly<Record<string, string>>;
  /** How an option is given that is in no list here. */
  readonly others: string;
}

/** What a command is, and what it takes: all that its help says, and all that it does not refuse. */
export interface Usage {
  /** As it is typed, without arguments: `npm run up`. */
  readonly command: string;
  /** What it does, in a sentence or two. */
  readonly summary: string;
  /** Arguments that are no options, as the help shows them: `FILE`, `[NUMBER]`. */
  readonly positionals?: {
    readonly shown: string;
    readonly name: string;
    readonly most: number;
    readonly help: string;
  };
  readonly options: Readonly<Record<string, Option>>;
  readonly passesOn?: ForeignOptions;
}

/** Arguments that fit a {@link Usage}. */
export interface CommandLine {
  /** Whether an option without a value was given. */
  readonly has: (option: string) => boolean;
  /** Values of an option, in their order. */
  readonly all: (option: string) => readonly string[];
  /** The last value of an option. */
  readonly value: (option: string) => string | undefined;
  readonly positionals: readonly string[];
  /** Options of the other program, for it. */
  readonly passedOn: readonly string[];
}

/** The arguments do not fit; the message says why, and what the command takes. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const HELP: Option = { short: 'h', help: 'Prints this, and does nothing else.' };

/** Whether help is asked for, by what stands before a `--`. */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end === -1 ? args.length : end).some((arg) => arg === '--help' || arg === '-h');
}

/**
 * Reads the arguments of a command.
 * @throws UsageError naming the first argument that does not fit, what may have been meant, and what is allowed.
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
  if (expected !== undefined) return `One ${expected.name}, not ${given.join(' and ')}.`;
  const [first = ''] = given;
  const named = options['stack'] === undefined ? '' : ` A stack is named by --stack: ${command} -- --stack ${first}`;
  return `Unexpected argument '${first}'.${named}`;
}

/** What a command does and takes, for people. */
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
  return [`The options of \`${program}\`:`, ...wrapped(names), `Any other one: ${others}`];
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
