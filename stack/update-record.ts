/** What an update deployed: everything that determines the behaviour of the system. Contains no secret. */
export interface UpdateContent {
  /** The image by digest. */
  readonly image: string;
  /** First 12 hex digits of the checksum of the login's Secret. */
  readonly login: string;
  /** The same for the Secret of the API token. */
  readonly token: string;
  /** The same for the Secret with the MCP servers and settings of `claude`; empty if there is none. */
  readonly claude: string;
  /** The same for the Secret with the credentials for git hosts; empty if there is none. */
  readonly git: string;
  /** Config by key as text, defaults included; without secrets and without {@link MACHINE_KEYS}. */
  readonly config: Readonly<Record<string, string>>;
}

/** One completed update that changed something. */
export interface UpdateRecord extends UpdateContent {
  /** Starts at 1 in each stack. */
  readonly number: number;
  /** ISO 8601, UTC. */
  readonly time: string;
}

/** The type of the component whose output `records` contains the {@link RecordTexts}. */
export const HISTORY_TYPE = 'claude-code-agent:stack:UpdateHistory';

/**
 * Records as stored: JSON text by number. The engine and its SDK would take objects apart at each update: with twenty of
 * them, that was 5% of the time of an update without changes.
 */
export type RecordTexts = Readonly<Record<string, string>>;

/** The stored form of records. The keys have a fixed order, so that the text of a record never changes. */
export function textsOf(records: readonly UpdateRecord[]): RecordTexts {
  const text = ({ time, image, login, token, claude, git, config }: UpdateRecord): string =>
    JSON.stringify({
      time,
      image,
      login,
      token,
      claude,
      ...(git === '' ? {} : { git }),
      config: Object.fromEntries(Object.entries(config).sort()),
    });
  return Object.fromEntries(records.map((record) => [String(record.number), text(record)]));
}

/**
 * Parses the result of {@link textsOf}, newest record first.
 * @param stored Earlier versions stored a list of objects.
 */
export function recordsIn(stored: RecordTexts | readonly UpdateRecord[] = {}): readonly UpdateRecord[] {
  return Object.entries(stored)
    .map(([number, value]: [string, string | UpdateRecord]): UpdateRecord => {
      // Earlier versions knew no git hosts.
      if (typeof value !== 'string') return { ...value, git: '' };
      const content = JSON.parse(value) as Omit<UpdateRecord, 'number' | 'git'> & { readonly git?: string };
      return { git: '', ...content, number: Number(number) };
    })
    .sort((a, b) => b.number - a.number);
}

/** Config that describes the operator's machine, not what an update deploys. */
export const MACHINE_KEYS = ['kubeContext', 'sessionDir', 'sessionFrom'] as const;

/** The maximum number of records; the oldest are dropped. */
const MAX_RECORDS = 20;

/** Adds a record of `content` in front, unless the newest is equal. Newest first. */
export function withRecord(
  earlier: readonly UpdateRecord[],
  content: UpdateContent,
  now: Date,
): readonly UpdateRecord[] {
  const [newest] = earlier;
  if (newest !== undefined && changesBetween(newest, content).length === 0) return earlier;
  const record = { number: (newest?.number ?? 0) + 1, time: now.toISOString(), ...content };
  return [record, ...earlier].slice(0, MAX_RECORDS);
}

/** A difference between two updates. */
export interface Change {
  /** `image`, `login`, `token`, `claude`, `git`, or `config` and the key. */
  readonly what: 'image' | 'login' | 'token' | 'claude' | 'git' | `config ${string}`;
  /** Undefined if the key did not exist in the earlier update. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** The differences, in a fixed order. */
export function changesBetween(from: UpdateContent, to: UpdateContent): readonly Change[] {
  const keys = [...new Set([...Object.keys(from.config), ...Object.keys(to.config)])].sort();
  const all: Change[] = [
    { what: 'image', from: from.image, to: to.image },
    { what: 'login', from: from.login, to: to.login },
    { what: 'token', from: from.token, to: to.token },
    { what: 'claude', from: from.claude, to: to.claude },
    { what: 'git', from: from.git, to: to.git },
    ...keys.map((key) => ({ what: `config ${key}` as const, from: from.config[key], to: to.config[key] })),
  ];
  return all.filter((change) => change.from !== change.to);
}

/** The digest's first 12 digits, as in `kubectl rollout history`. */
export const shortImage = (reference: string): string => reference.split('@sha256:')[1]?.slice(0, 12) ?? reference;
