import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { gitFailure } from '../../../agent/git/run/failure.ts';
import { git, gitOutput, Repositories } from '../../support/git.ts';

it('tells apart what git says about refs and pushes', async () => {
  using repositories = new Repositories();
  const { root } = repositories;
  const bare = await repositories.make('acme/shop');
  const kindOf = async (cwd: string, ...args: string[]) => {
    const { ok, stderr } = await git(cwd, args);
    return [ok, gitFailure('git', stderr).kind];
  };
  expect(await kindOf(root, 'clone', '--branch', 'nothing', bare, 'x')).toEqual([false, 'unknownRef']);
  const clone = path.join(root, 'clone');
  await gitOutput(root, 'clone', '--quiet', bare, clone);
  expect(await kindOf(clone, 'fetch', 'origin', 'nothing')).toEqual([false, 'unknownRef']);
  expect(await kindOf(clone, 'fetch', 'origin', 'a'.repeat(40))).toEqual([false, 'unknownRef']);

  await gitOutput(clone, 'commit', '--quiet', '--allow-empty', '--message', 'mine');
  await gitOutput(clone, 'push', '--quiet', 'origin', 'HEAD:refs/heads/mine');
  await gitOutput(clone, 'commit', '--quiet', '--amend', '--allow-empty', '--message', 'another');
  expect(await kindOf(clone, 'push', 'origin', 'HEAD:refs/heads/mine')).toEqual([false, 'conflict']);

  const hook = (says: string) =>
    writeFileSync(path.join(bare, 'hooks', 'pre-receive'), `#!/bin/sh\necho '${says}' >&2\nexit 1\n`, { mode: 0o700 });
  hook('error: GH006: Protected branch update failed for refs/heads/other.');
  expect(await kindOf(clone, 'push', 'origin', 'HEAD:refs/heads/other')).toEqual([false, 'protected']);
  hook('The message needs a ticket.');
  expect(await kindOf(clone, 'push', 'origin', 'HEAD:refs/heads/other')).toEqual([false, 'refused']);
  expect(await kindOf(clone, 'frobnicate')).toEqual([false, 'refused']);
});
