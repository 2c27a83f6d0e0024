import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { describe, expect, test } from 'vitest';

import { login } from '../../../stack/cli/login.ts';

const LOGIN = '{"claudeAiOauth":{"accessToken":"canary"}}';

/** A macOS whose `security` gives the login for the item that the CLI names after the folder, and for no other. */
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
  test("takes the login out of the Keychain into the folder's file, for its owner alone", async () => {
    const options = mac(true);
    const file = await login(options);
    expect(file).toBe(path.join(options.folder, '.credentials.json'));
    expect(readFileSync(file, 'utf8')).toBe(LOGIN);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('names the way without a Keychain when the login is not in it', async () => {
    await expect(login(mac(false))).rejects.toThrow(/not in the Keychain.*claude setup-token.*oauthToken/s);
  });
});
