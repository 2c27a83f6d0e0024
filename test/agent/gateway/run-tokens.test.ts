import { expect, it } from 'vitest';
import { RunTokens } from '../../../agent/gateway/run-tokens.ts';

it('a token stays with the address that used it first', () => {
  const tokens = new RunTokens();
  const [token, other] = [tokens.issue('run-1'), tokens.issue('run-2')];
  const holder = tokens.find(token);
  expect(tokens.use(token, '10.0.0.1')).toBe(holder);
  expect(tokens.use(token, '10.0.0.2')).toBe('elsewhere');
  expect(tokens.use(token, undefined)).toBe('elsewhere');
  expect(tokens.use(token, '::ffff:10.0.0.1')).toBe(holder);
  expect(tokens.use(other, '10.0.0.2')).toBe(tokens.find(other));
  tokens.revoke(token);
  expect(tokens.use(token, '10.0.0.1')).toBeUndefined();
});

it('has one address of each IP version, for a runner that has both', () => {
  const tokens = new RunTokens();
  const token = tokens.issue('run-1');
  expect(tokens.use(token, '10.0.0.1')).toBe(tokens.find(token));
  expect(tokens.use(token, 'fd00::1')).toBe(tokens.find(token));
  expect(tokens.use(token, 'fd00::2')).toBe('elsewhere');
  expect(tokens.use(token, '10.0.0.1')).toBe(tokens.find(token));
});
