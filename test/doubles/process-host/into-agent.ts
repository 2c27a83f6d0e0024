/**
 * `node --import` of this file starts the agent with {@link PipeHost} instead of `LocalHost`: `agent/compose.ts` chooses the
 * host by importing it.
 * @module
 */
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    const replaced = specifier === './claude/local-host.ts' && context.parentURL?.endsWith('/agent/compose.ts');
    return replaced ? next(new URL('client.ts', import.meta.url).href, context) : next(specifier, context);
  },
});
