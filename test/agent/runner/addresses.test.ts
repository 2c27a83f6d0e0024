import { expect, it } from 'vitest';
import { RunnerAddresses } from '../../../agent/runner/client/addresses.ts';

it('a name has the addresses that the system finds, and tells when they are known', async () => {
  const changed = Promise.withResolvers<undefined>();
  const ignore = () => undefined;
  using addresses = new RunnerAddresses({
    name: 'localhost',
    port: 7070,
    log: { info: ignore, warn: ignore, error: ignore },
    onChange: () => changed.resolve(undefined),
  });
  expect(addresses.current).toEqual([]);
  await changed.promise;
  expect(addresses.current).toContainEqual({
    address: expect.stringMatching(/^(127\.0\.0\.1|::1)$/) as string,
    port: 7070,
  });
});
