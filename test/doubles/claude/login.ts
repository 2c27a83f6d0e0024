import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** The address that it prints. */
export const LOGIN_ADDRESS = 'https://claude.ai/oauth/authorize?z-4Kq0mZ';

/** The account that logs in. */
const ACCOUNT = { accountUuid: '22222222-2222-4222-8222-222222222222', emailAddress: 'operations@example.com' };

const INCOMPLETE = "That doesn't look like the full code. Copy all of it, including the # in the middle.";
const FAILURES: Readonly<Record<string, string>> = {
  refused:
    "That code wasn't accepted. It may be incomplete, expired, already used, or from an earlier sign-in attempt.",
  unreachable: 'connect ECONNREFUSED 127.0.0.1:9',
};

/**
 * `claude auth login` without a terminal, as `test/contract/login.test.ts` has it. The part of a code before the `#` decides:
 * `refused` and `unreachable` fail, `hangs` gets no answer, and with any other it becomes part of the tokens.
 */
export function logIn(): void {
  const folder = process.env['CLAUDE_CONFIG_DIR'] ?? '';
  process.stdout.write(`If the browser didn't open, visit:\n${LOGIN_ADDRESS}\nPaste code here if prompted > `);
  createInterface({ input: process.stdin }).on('line', (line) => {
    const [code = '', state] = line.split('#');
    if (state === undefined) {
      process.stderr.write(`${INCOMPLETE}\n`);
    } else if (code in FAILURES) {
      process.stderr.write(`Couldn't log in: ${FAILURES[code] ?? ''}\n`);
      process.exit(1);
    } else if (code !== 'hangs') {
      const tokens = { accessToken: `sk-ant-oat01-${code}`, refreshToken: `sk-ant-ort01-${code}` };
      const claudeAiOauth = { ...tokens, expiresAt: Date.now() + 8 * 3_600_000, scopes: ['user:inference'] };
      const write = (name: string, content: object) =>
        writeFileSync(path.join(folder, name), JSON.stringify(content), { mode: 0o600 });
      write('.claude.json', { oauthAccount: ACCOUNT });
      write('.credentials.json', { claudeAiOauth });
      process.stdout.write('Login successful.\n');
      process.exit(0);
    }
  });
}
