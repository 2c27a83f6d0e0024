import { describe, expect, test } from 'vitest';

import { keyOfPath, pathOfKey } from '../../../stack/session/secret-keys.ts';

describe("a Secret's key", () => {
  test.each(['.credentials.json', 'CLAUDE.md', 'skills/a b/ü.md', 'a_b', '_2f', 'a__/_', '日本/語.md', '😀', '%2f'])(
    'for %j is valid in Kubernetes, and can be decoded to it',
    (path) => {
      expect(keyOfPath(path)).toMatch(/^[-._a-zA-Z0-9]+$/);
      expect(pathOfKey(keyOfPath(path))).toBe(path);
    },
  );

  test.each(['a_b', 'a_zz', '_', 'x_2', '_e4', '_2fetc_2fpasswd', '_2e_2e_2fx', 'a_2f_2fb', 'a_2f..'])(
    'that somebody chose by hand, %j, stays unchanged: no path leads out of the folder',
    (key) => {
      expect(pathOfKey(key)).toBe(key);
    },
  );
});
