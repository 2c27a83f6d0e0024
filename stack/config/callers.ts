import { CALLERS_ALLOWED, mistakesInCallers } from '../../agent/callers/rules.ts';
import type { CallerSetting } from '../../agent/callers/rules.ts';
import type { ConfigReader } from './reader.ts';

/** Reads who may call besides the operator. The agent checks the same when it starts. */
export function readCallers(read: ConfigReader): readonly CallerSetting[] {
  return read.checkedList('callers', CALLERS_ALLOWED, mistakesInCallers) as readonly CallerSetting[];
}
