import { describe, expect, it } from 'vitest';
import { Agent } from '../support/agent.ts';
import { tellsLoaded } from '../support/tells-loaded.ts';

const TELLS_LOADED = tellsLoaded(String.raw`/(^ws|^image-size|compose-(git|runners|tracing)\.ts)$/.test(name)`);

describe('the code of what the settings leave off', () => {
  it('is not loaded', async () => {
    await using agent = await Agent.start({ command: TELLS_LOADED });
    await agent.run('x');
    expect(loadedBy(agent)).toEqual([]);
  });

  it('is loaded for what they turn on', async () => {
    const env = {
      AGENT_GIT_HOSTS: JSON.stringify([{ repositories: ['https://git.example.com/acme/*'], type: 'plain' }]),
    };
    await using agent = await Agent.start({ command: TELLS_LOADED, env });
    expect(loadedBy(agent)).toEqual(['./compose-git.ts']);
  });
});

function loadedBy(agent: Agent): string[] {
  return agent.lines.filter((line) => line.startsWith('loaded ')).map((line) => line.slice('loaded '.length));
}
