import * as fs from 'node:fs';
import * as path from 'node:path';

import type { CallerSetting } from '../../../agent/callers/rules.ts';
import { OPERATOR } from '../../../agent/contract.ts';
import { asList } from '../../config/value-text.ts';
import type { StackFile } from '../../config/stack-file.ts';
import { EARLIER_TOKEN_FILE } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import { ok } from './finding.ts';
import type { Check } from './finding.ts';

/** Who may call, and whose rotation has not ended. */
export function callers(config: StackFile, projectDir: string): Check[] {
  const all = asList(config.get('callers')) as readonly Partial<CallerSetting>[];
  const rotated = [
    ...(fs.existsSync(path.join(projectDir, EARLIER_TOKEN_FILE)) ? [OPERATOR] : []),
    ...all.filter(({ sha256 }) => sha256?.length === 2).map(({ name }) => name ?? ''),
  ];
  const ends = rotated.map((name) => npmRun('caller', `retire ${name}`)).join(', ');
  return [
    {
      name: 'callers',
      when: () => all.length > 0 || rotated.length > 0,
      look: () =>
        Promise.resolve(
          ok(
            `${all.length} besides the operator${ends === '' ? '' : `; two tokens each: ${rotated.join(', ')}. When the older one is no longer used: ${ends}`}`,
          ),
        ),
    },
  ];
}
