import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { describe, expect, test } from 'vitest';

import { login } from '../../../stack/cli/login/local.ts';

const LOGIN = '{"claudeAiOauth":{"accessToken":"canary"}}';

/** A macOS whose `security` returns the login only for the item that the CLI names after the folder. */
function mac(found: boolean) {
  const bin = mkdtempSync(path.join(tmpdir(), 'mac-'));
  const folder = path.join(bin, 'session');
  mkdirSync(folder);
  const item = `Claude Code-credentials-${createHash('sha256').update(folder).digest('hex').slice(0, 8)}`;
  const answer = found ? `[ "$*" = "find-generic-password -a someone -s ${item} -w" ] && echo '${LOGIN}'` : 'exit 44';
  writeFileSync(path.join(bin, 'security'), `#!/bin/sh\n${answer}\n`, { mode: 0o755 });
  writeFileSync(path.join(bin, 'claude'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  const env = { PATH: `${bin}:/usr/bin:/bin`, USER: 'someone' };
  return { folder, claude: path.join(bin, 'claude'), env, platform: 'darwin' } as const;
}

describe('logging in on macOS', () => {
  test('copies the login from the Keychain to a file in the folder that only its owner can read', async () => {
    const options = mac(true);
    const file = await login(options);
    expect(file).toBe(path.join(options.folder, '.credentials.json'));
    expect(readFileSync(file, 'utf8')).toBe(LOGIN);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('suggests a login without a Keychain if the Keychain does not contain it', async () => {
    await expect(login(mac(false))).rejects.toThrow(/not in the Keychain.*claude setup-token.*oauthToken/s);
  });
});
