import { describe, expect, it } from 'vitest';
import { exchangeErrorOf } from '../../../agent/claude/token-exchange.ts';

describe('an exchange that fails', () => {
  it.each([
    [400, 'authentication_failed'],
    [401, 'authentication_failed'],
    [403, 'authentication_failed'],
    [404, 'authentication_failed'],
    [408, 'server_error'],
    [429, 'server_error'],
    [500, 'server_error'],
    [529, 'server_error'],
  ])('with status %i is of the kind %s', (status, kind) => {
    const sentence = `API Error: Token exchange failed with status ${status} (request-id req_1): {"error":"e"}`;
    expect(exchangeErrorOf(sentence)).toEqual({ kind, status });
  });

  it.each([
    ['Failed to reach token endpoint https://api.anthropic.com/v1/oauth/token: TypeError', 'server_error'],
    ['Token endpoint returned non-JSON response (status 200)', 'server_error'],
    ['Token endpoint response missing access_token: {}', 'server_error'],
    ['Failed to read identity token file at /x: Error: ENOENT', 'authentication_failed'],
    ['Identity token file at /x is empty', 'authentication_failed'],
  ])('by "%s" is of the kind %s', (sentence, kind) => {
    expect(exchangeErrorOf(`API Error: ${sentence}`)).toEqual({ kind, status: undefined });
  });

  it.each(['API Error: Connection error.', 'It says: API Error: Token exchange failed with status 401'])(
    'is not what "%s" is about',
    (sentence) => {
      expect(exchangeErrorOf(sentence)).toBeUndefined();
    },
  );
});
