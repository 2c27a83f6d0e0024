import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { CLAUDE_SETTINGS_KEYS } from '../claude-settings-keys.ts';
import { didYouMean, KnownNames } from '../did-you-mean.ts';

const text = z.string();
const texts = z.record(text, text);

/** A program that the CLI starts, or a server that it calls. Other keys are the CLI's business. */
const server = z.union(
  [
    z.looseObject({
      type: z.literal('stdio').optional(),
      command: text.min(1),
      args: z.array(text).optional(),
      env: texts.optional(),
    }),
    z.looseObject({ type: z.enum(['http', 'sse']), url: z.url({ protocol: /^https?$/ }), headers: texts.optional() }),
  ],
  'must be {"command": PROGRAM, "args"?, "env"?} or {"type": "http" or "sse", "url": URL, "headers"?}',
);

/** A file for `--mcp-config`. The CLI silently ignores a server that it does not understand. */
export const mcpConfig = z.object({
  mcpServers: z.record(text.regex(/^[\w-]{1,64}$/), server, {
    error: ({ code }) => (code === 'invalid_key' ? 'a name has 1 to 64 letters, digits, _ and -' : undefined),
  }),
});

const rules = z.array(text).optional();

/** Keys that claude does not know and ignores. */
const knownKeys = z.unknown().superRefine((settings, context) => {
  for (const { path, message } of unknownSettings(settings)) context.addIssue({ code: 'custom', path, message });
});

/**
 * A file for `--settings`. Checks the keys, and the parts that would give Claude more rights than intended if they were
 * wrong: the CLI silently ignores what it does not understand.
 */
export const claudeSettings = z
  .looseObject({
    permissions: z.looseObject({ allow: rules, ask: rules, deny: rules }).optional(),
    hooks: z.record(text, z.array(z.looseObject({ hooks: z.array(z.looseObject({ type: text })) }))).optional(),
    env: texts.optional(),
  })
  .and(knownKeys);

/**
 * Validates a JSON file. The errors name keys, never values.
 * @returns an empty list for a valid file.
 */
export function mistakesIn(file: string, schema: z.ZodType): string[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return [
      error instanceof SyntaxError
        ? 'it is not JSON'
        : `it cannot be read (${String((error as NodeJS.ErrnoException).code)})`,
    ];
  }
  const { error } = schema.safeParse(content);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.') || 'the whole file'}: ${message}`);
}

/** The keys of settings that `claude` does not know and ignores, with their paths and suggestions. */
export function unknownSettings(settings: unknown): { readonly path: string[]; readonly message: string }[] {
  return Object.entries(CLAUDE_SETTINGS_KEYS).flatMap(([place, keys]) => {
    const above = place === '' ? [] : place.split('.');
    const object = above.reduce((value: unknown, key) => (isObject(value) ? value[key] : undefined), settings);
    if (!isObject(object)) return [];
    const known = new KnownNames(keys);
    return Object.keys(object)
      .filter((key) => !keys.includes(key))
      .map((key) => ({
        path: [...above, key],
        message: `claude has no such setting.${didYouMean(known.nearest(key))}`,
      }));
  });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
