/** What an update brought: everything that decides how the system behaves, and no secret. */
export interface UpdateContent {
  /** The image by digest. */
  readonly image: string;
  /** First 12 hex digits of the checksum of the login's Secret. */
  readonly login: string;
  /** The same of the API token's Secret. */
  readonly token: string;
  /** The same of the Secret with the MCP servers and settings of `claude`; empty where there is none. */
  readonly claude: string;
  /** Config by key as text, defaults included; without secrets and without {@link MACHINE_KEYS}. */
  readonly config: Readonly<Record<string, string>>;
}

/** One completed update that changed something. */
export interface UpdateRecord extends UpdateContent {
  /** Counts from 1 for each stack. */
  readonly number: number;
  /** ISO 8601, UTC. */
  readonly time: string;
}

/** Type of the component in the state whose output `records` has the {@link RecordTexts}. */
export const HISTORY_TYPE = 'claude-code-agent:stack:UpdateHistory';

/**
 * Records as they are stored: JSON by number. A text is one value; objects the engine and its SDK would take apart at
 * each update, and twenty of them were a twentieth of an update without a change.
 */
export type RecordTexts = Readonly<Record<string, string>>;

/** How records are stored. The keys are in a fixed order, so that the text of a record stays as it is. */
export function textsOf(records: readonly UpdateRecord[]): RecordTexts {
  const text = ({ time, image, login, token, claude, config }: UpdateRecord): string =>
    JSON.stringify({
      time,
      image,
      login,
      token,
      claude,
      config: Object.fromEntries(Object.entries(config).sort()),
    });
  return Object.fromEntries(records.map((record) => [String(record.number), text(record)]));
}

/**
 * The records in what {@link textsOf} gave, newest first.
 * @param stored Earlier states have a list of objects.
 */
export function recordsIn(stored: RecordTexts | readonly UpdateRecord[] = {}): readonly UpdateRecord[] {
  return Object.entries(stored)
    .map(([number, value]: [string, string | UpdateRecord]): UpdateRecord => {
      if (typeof value !== 'string') return value;
      return { number: Number(number), ...(JSON.parse(value) as Omit<UpdateRecord, 'number'>) };
    })
    .sort((a, b) => b.number - a.number);
}

/** Config that says how this machine reaches what an update needs, and nothing of what it brings. */
export const MACHINE_KEYS = ['kubeContext', 'sessionDir', 'sessionFrom'] as const;

/** Records above this number are dropped, oldest first. */
export const MAX_RECORDS = 20;

/** The records with one for `content` in front, unless the newest tells the same already. Newest first. */
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

/** One thing that differs between two updates. */
export interface Change {
  /** `image`, `login`, `token`, `claude`, or `config` and the key. */
  readonly what: 'image' | 'login' | 'token' | 'claude' | `config ${string}`;
  /** Undefined where the earlier update did not know the key. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** What differs, in a fixed order. */
export function changesBetween(from: UpdateContent, to: UpdateContent): readonly Change[] {
  const keys = [...new Set([...Object.keys(from.config), ...Object.keys(to.config)])].sort();
  const all: Change[] = [
    { what: 'image', from: from.image, to: to.image },
    { what: 'login', from: from.login, to: to.login },
    { what: 'token', from: from.token, to: to.token },
    { what: 'claude', from: from.claude, to: to.claude },
    ...keys.map((key) => ({ what: `config ${key}` as const, from: from.config[key], to: to.config[key] })),
  ];
  return all.filter((change) => change.from !== change.to);
}

/** The digest's first 12 digits, as in `kubectl rollout history`. */
export const shortImage = (reference: string): string => reference.split('@sha256:')[1]?.slice(0, 12) ?? reference;
