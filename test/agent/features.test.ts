import { describe, expect, it } from 'vitest';
import { Agent } from '../support/agent.ts';

const OPTIONAL = String.raw`/(^ws|^image-size|compose-(git|runners|tracing)\.ts)$/`;
const TELLS_LOADED = [
  process.execPath,
  '--import',
  `data:text/javascript,import{registerHooks}from'node:module';registerHooks({resolve(name,context,next){if(${OPTIONAL}.test(name))process.stderr.write('loaded '+name+'\\n');return next(name,context)}})`,
  'agent/main.ts',
];

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
