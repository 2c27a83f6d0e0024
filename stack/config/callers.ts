import { CALLERS_ALLOWED, mistakesInCallers } from '../../agent/callers/rules.ts';
import type { CallerSetting } from '../../agent/callers/rules.ts';
import type { ConfigReader } from './reader.ts';

/** Reads who may call besides the operator. The agent checks the same when it starts. */
export function readCallers(read: ConfigReader): readonly CallerSetting[] {
  const callers = read.list<unknown>('callers', { list: CALLERS_ALLOWED, item: 'a caller' }, (item) => item);
  for (const mistake of mistakesInCallers(callers)) {
    read.mistake(`callers${mistake.startsWith('[') ? '' : ': '}${mistake}.`);
  }
  return callers as readonly CallerSetting[];
}
