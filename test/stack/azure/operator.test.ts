import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { checkOperator, loginToRegistry } from '../../../stack/azure/operator.ts';

const SUBSCRIPTION = '11111111-2222-4333-8444-555555555555';
const DOUBLES = path.resolve('test/doubles/azure/bin');

let folder: string;

/** Puts the doubles of these programs on the PATH, and no other program for Azure. */
function have(...programs: ('az' | 'kubelogin')[]): void {
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  for (const program of programs) {
    writeFileSync(path.join(bin, program), `#!/bin/sh\nexec ${path.join(DOUBLES, program)} "$@"\n`, { mode: 0o755 });
  }
  symlinkSync(process.execPath, path.join(bin, 'node'));
  vi.stubEnv('PATH', `${bin}:/usr/bin:/bin`);
}
const logInTo = (subscription: string) => writeFileSync(path.join(folder, 'logged-in'), subscription);

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'operator-'));
  vi.stubEnv('AZURE_DOUBLE_DIR', folder);
  vi.stubEnv('DOCKER_CONFIG', folder);
  vi.stubEnv('AZURE_DOUBLE_LOGIN_SERVER', 'exampleacr.azurecr.io');
});
afterEach(() => vi.unstubAllEnvs());

describe('before anything is changed in Azure', () => {
  test('the check passes if az is logged in and kubelogin is installed', async () => {
    have('az', 'kubelogin');
    logInTo(SUBSCRIPTION);
    await expect(checkOperator(SUBSCRIPTION)).resolves.toBeUndefined();
  });

  test('all missing prerequisites are reported at once, each with the command that fixes it', async () => {
    have();
    const check = checkOperator(SUBSCRIPTION);
    await expect(check).rejects.toThrow('https://aka.ms/azure-cli), then run `az login`');
    await expect(check).rejects.toThrow('kubelogin is not on the PATH. Install it: `az aks install-cli`');
  });

  test.each([
    ['nobody is logged in', undefined, "Please run 'az login' to setup account."],
    ['the login does not reach the subscription', 'another', `The subscription of '${SUBSCRIPTION}' doesn't exist`],
  ])('the error suggests a login, and quotes az, if %s', async (_what, login, said) => {
    have('az', 'kubelogin');
    if (login !== undefined) logInTo(login);
    const check = checkOperator(SUBSCRIPTION);
    await expect(check).rejects.toThrow(`no access to subscription ${SUBSCRIPTION}. Run \`az login\``);
    await expect(check).rejects.toThrow(said);
  });
});

describe('before a push', () => {
  test("Docker is logged in to the registry with the operator's login to Azure", async () => {
    have('az');
    logInTo(SUBSCRIPTION);
    writeFileSync(path.join(folder, 'config.json'), '{"auths":{"other.example.org":{"auth":"x"}}}');
    await loginToRegistry('exampleacr', SUBSCRIPTION);
    const { auths } = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')) as { auths: object };
    expect(Object.keys(auths)).toEqual(['other.example.org', 'exampleacr.azurecr.io']);
  });

  test.each([
    ['az fails', ['az'] as const, "az printed: ERROR: Please run 'az login' to setup account."],
    ['az is missing', [] as const, 'az is not on the PATH'],
  ])('the error has the command to try by hand if %s', async (_what, programs, said) => {
    have(...programs);
    const login = loginToRegistry('exampleacr', SUBSCRIPTION);
    await expect(login).rejects.toThrow(`\`az acr login --name exampleacr --subscription ${SUBSCRIPTION}\``);
    await expect(login).rejects.toThrow(said);
  });
});
