import { afterEach } from 'vitest';

import { whatTheClusterSays } from './cluster.ts';

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(await whatTheClusterSays());
});
