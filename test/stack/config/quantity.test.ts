import { expect, test } from 'vitest';

import { mebibytesOf } from '../../../stack/config/quantity.ts';

test.each([
  ['10Gi', 0.8, 8192],
  ['1Gi', 0.5, 512],
  ['1.5Gi', 1, 1536],
  ['500M', 1, 476],
  ['1048576', 1, 1],
  ['1Ki', 1, 1],
  ['2Ti', 0.5, 1_048_576],
])('%s times %d is %i mebibytes', (quantity, share, mebibytes) => {
  expect(mebibytesOf(quantity, share)).toBe(mebibytes);
});
