import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Progress } from '../../../agent/mcp/progress.ts';
import type { Run } from '../../../agent/store/run.ts';

const RUN = { id: 'r1', state: 'queued' } as Run;

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

it('a client hears of its run at least every ten seconds', async () => {
  const heard: string[] = [];
  using progress = new Progress((message, done) => Promise.resolve(void heard.push(`${done}: ${message}`)));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(heard).toEqual([]);
  progress.begin(RUN);
  await vi.advanceTimersByTimeAsync(9000);
  progress.take({ id: '1', type: 'started', run: RUN });
  await vi.advanceTimersByTimeAsync(9999);
  expect(heard).toEqual(['1: Run r1 is queued.', '2: Run r1 has started.']);
  await vi.advanceTimersByTimeAsync(10_001);
  expect(heard.slice(2)).toEqual([
    '3: Run r1 has not ended after 29 seconds.',
    '4: Run r1 has not ended after 39 seconds.',
  ]);
});

it('a client that is gone is told nothing more, and neither is one whose call has ended', async () => {
  const notify = vi.fn(() => Promise.reject(new Error('gone')));
  using progress = new Progress(notify);
  progress.begin(RUN);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(notify).toHaveBeenCalledTimes(1);

  const later = vi.fn(() => Promise.resolve());
  {
    using ended = new Progress(later);
    ended.begin(RUN);
  }
  await vi.advanceTimersByTimeAsync(60_000);
  expect(later).toHaveBeenCalledTimes(1);
});
