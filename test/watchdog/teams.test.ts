import { describe, expect, test } from 'vitest';

import { backoff, NoAnswerError, send, type RetryPolicy } from '../../watchdog/http/client.ts';
import { postCard } from '../../watchdog/teams/webhook.ts';
import { startTeamsDouble, type TeamsFailure } from '../doubles/teams/server.ts';
import { raw } from '../support/misbehaving.ts';

const CARD = { type: 'AdaptiveCard', fallbackText: 'Hello' };
const PAGE = '<!DOCTYPE html>\n<html><body>Sign in</body></html>';

/** What becomes of a card where Teams answers like this. */
async function delivered(...answers: TeamsFailure[]) {
  await using teams = await startTeamsDouble();
  teams.failures.push(...answers);
  const delivery = await postCard(teams.webhookUrl, CARD);
  expect(JSON.stringify(delivery)).not.toContain('canary-webhook');
  return { ...delivery, cards: teams.cards.length, asked: teams.asked };
}

describe('a card', () => {
  test('is delivered by 202 without a body, which is what Teams Workflows answers', async () => {
    expect(await delivered()).toEqual({ kind: 'accepted', cards: 1, asked: 1 });
  });

  test.each([
    ['200 with a word', { status: 200, body: '1' }],
    ['200 with JSON', { status: 200, body: '{"id":1}', headers: { 'content-type': 'application/json' } }],
    ['204', { status: 204 }],
  ])('is delivered by %s', async (_what, answer) => {
    expect(await delivered(answer)).toMatchObject({ kind: 'accepted' });
  });

  test.each([
    ['by its content type', { status: 200, body: 'Welcome', headers: { 'Content-Type': 'text/html; charset=utf-8' } }],
    ['by its beginning', { status: 200, body: PAGE }],
    [
      'by its beginning, though it says it is text',
      { status: 200, body: PAGE, headers: { 'content-type': 'text/plain' } },
    ],
    ['of a status in between', { status: 202, body: PAGE }],
  ])('is refused by a web page, known %s', async (_what, answer) => {
    expect(await delivered(answer)).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(/^HTTP 20[02] with a web page.*config teamsWebhookUrl/) as string,
      asked: 1,
    });
  });

  test.each([301, 302, 303, 307, 308])('is refused by a redirect with %i, which is not followed', async (status) => {
    const headers = { location: 'https://login.example.com/oauth?secret=1' };
    expect(await delivered({ status, headers })).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining(`HTTP ${status}, a redirect to https://login.example.com, `) as string,
      asked: 1,
    });
  });

  test('may have been delivered where the answer is no HTTP, for a reason that says something', async () => {
    await using server = await raw('HTTP/1.1 200 OK\r\nno colon here\r\n\r\n');
    const delivery = await postCard(`${server.url}/?sig=canary-webhook-signature`, CARD);
    expect(delivery).toMatchObject({ kind: 'unknown', reason: expect.stringMatching(/^[A-Z]/) as string });
    expect(JSON.stringify(delivery)).not.toMatch(/undefined|canary/);
  });

  test('is refused if the webhook is not a URL, which another attempt would not change', async () => {
    const pauses: (number | undefined)[] = [];
    const retry: RetryPolicy = (outcome, attempts) => {
      pauses.push(backoff(60_000)(outcome, attempts));
      return undefined;
    };
    const request = { url: 'http://[canary', method: 'POST', timeoutMs: 1000, maxBytes: 1, retry } as const;
    await expect(send(request)).rejects.toThrow(NoAnswerError);
    expect(pauses).toEqual([undefined]);
    expect(await postCard('http://[canary', CARD)).toEqual({ kind: 'refused', reason: 'ERR_INVALID_URL' });
  });

  test('that cannot be sent for a reason that nobody foresaw is refused with that reason', async () => {
    const delivery = await postCard('http://127.0.0.1:1/canary-webhook', { size: 1n });
    expect(delivery).toEqual({
      kind: 'refused',
      reason: expect.stringMatching(/^the card could not be sent \(.*BigInt.*\)$/) as string,
    });
  });
});
