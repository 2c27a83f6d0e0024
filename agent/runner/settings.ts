import type { KeyObject } from 'node:crypto';
import { existsSync, lstatSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { CannotStartError } from '../cannot-start.ts';
import { passedFrom } from '../claude/environment.ts';
import { LOG_LEVELS, RUNNER_ENV, RUNNER_PORT } from '../contract.ts';
import {
  integer,
  invalidSettings,
  isExecutable,
  isFolder,
  existing,
  oneOf,
  readAll,
  textOf,
  unknownNames,
} from '../setting-values.ts';
import { isInside } from '../is-inside.ts';
import { publicKeyOf } from './key.ts';

const OWN_FOLDER = 'an existing folder of its own, which is no link, and is emptied after each run';
const ownFolder = existing(
  OWN_FOLDER,
  (folder) => isFolder(folder) && !lstatSync(folder).isSymbolicLink() && path.dirname(folder) !== folder,
);

const PUBLIC_KEY = 'the base64 of the 32 bytes of an Ed25519 public key';

/** The allowed values of each setting, and its default if that is fixed. */
const SCHEMAS = {
  host: z.string().regex(/^\S+$/, 'a host name or an IP address to listen on').optional(),
  port: integer(0, 65_535).default(RUNNER_PORT),
  publicKey: z
    .string()
    .transform(publicKeyOf)
    .refine((key) => key !== undefined, PUBLIC_KEY)
    .optional(),
  publicKeyFile: existing(
    `an existing file with ${PUBLIC_KEY}, which the agent writes when it starts`,
    (file) => keyIn(file) !== undefined,
  ).optional(),
  home: ownFolder,
  workspace: ownFolder,
  keepWorkspace: oneOf(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true'),
  claudePath: existing('an existing executable file', isExecutable).optional(),
  graceSeconds: integer(0, 3600).default(30),
  logLevel: oneOf(LOG_LEVELS).default('info'),
} satisfies Record<keyof typeof RUNNER_ENV, z.ZodType>;

/**
 * Reads and checks every setting of a runner. The only reader of its environment.
 * @throws {CannotStartError} that lists all invalid settings.
 */
export function readRunnerSettings(env: NodeJS.ProcessEnv = process.env) {
  const { values, mistakes } = readAll(SCHEMAS, RUNNER_ENV, new Set(), env);
  const tmp = env['TMPDIR'] ?? '/tmp';
  if (!ownFolder.safeParse(tmp).success) mistakes.push(`TMPDIR is ${JSON.stringify(tmp)}; it must be ${OWN_FOLDER}.`);
  const folders = Object.entries({
    [RUNNER_ENV.home]: values.home,
    [RUNNER_ENV.workspace]: values.workspace,
    TMPDIR: tmp,
  });
  const known = folders.filter(([, folder]) => typeof folder === 'string' && existsSync(folder));
  for (const [name, folder] of known) {
    const around = known.find(([other, outer]) => other !== name && (folder === outer || isInside(folder, outer)));
    if (around) mistakes.push(`${name} is in ${around[0]}, or the same; they must be separate folders.`);
  }
  const { publicKeyFile } = values;
  const publicKey = publicKeyFile === undefined ? values.publicKey : keyIn(publicKeyFile);
  if (env[RUNNER_ENV.publicKey] === undefined && env[RUNNER_ENV.publicKeyFile] === undefined) {
    mistakes.unshift(
      `${RUNNER_ENV.publicKey} is not set; it must be ${PUBLIC_KEY}, or ${RUNNER_ENV.publicKeyFile} a file with it.`,
    );
  }
  if (mistakes.length > 0 || !publicKey) throw new CannotStartError(invalidSettings('The runner', mistakes));
  return Object.freeze({
    ...values,
    publicKey,
    tmp,
    /** The variables that the runner gives to each process. */
    environment: { ...passedFrom(env), HOME: values.home, TMPDIR: tmp },
    notes: unknownNames('the runner', 'RUNNER_', Object.values(RUNNER_ENV), env),
  });
}

/** The public key in a file; undefined if there is none. */
function keyIn(file: string): KeyObject | undefined {
  const text = textOf(file);
  return text === undefined ? undefined : publicKeyOf(text.trim());
}
