/**
 * A resolver for a program under test, loaded with `node --import`. `TEST_NAMES` is a JSON object of names, each with a
 * list of addresses: one for each lookup, and then always the last one. Other names are resolved normally.
 * @module
 */
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

const names = JSON.parse(process.env['TEST_NAMES'] ?? '{}') as Record<string, string[]>;
const { lookup } = dns;

const instead = (name: string, options: dns.LookupAllOptions, callback: (...answer: unknown[]) => void) => {
  const addresses = names[name];
  const address = (addresses?.length ?? 0) > 1 ? addresses?.shift() : addresses?.[0];
  if (address === undefined) lookup(name, options, callback);
  else setImmediate(callback, null, [{ address, family: address.includes(':') ? 6 : 4 }]);
};
dns.lookup = instead as unknown as typeof dns.lookup;
syncBuiltinESMExports();
