import { execa } from 'execa';
import { expect, test } from 'vitest';

import { inPod, isProgramMissing } from '../../../../stack/cli/archive/in-pod.ts';

test('an image that is older than its programs is recognised by what Node.js prints', async () => {
  const [, ...args] = inPod('take', '1');
  const { failed, stderr } = await execa(process.execPath, args, { reject: false });
  expect([failed, isProgramMissing(stderr)]).toEqual([true, true]);
  expect(isProgramMissing('error: unable to upgrade connection: container not found')).toBe(false);
});
