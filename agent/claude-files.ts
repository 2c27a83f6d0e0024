import { readFileSync } from 'node:fs';
import { z } from 'zod';

const text = z.string();
const texts = z.record(text, text);

/** A program that the CLI starts, or a server that it calls; what else is in it is the CLI's. */
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

/** A file for `--mcp-config`. The CLI leaves out a server that it does not understand, and says nothing. */
export const mcpConfig = z.object({
  mcpServers: z.record(text.regex(/^[\w-]{1,64}$/), server, {
    error: ({ code }) => (code === 'invalid_key' ? 'a name has 1 to 64 letters, digits, _ and -' : undefined),
  }),
});

const rules = z.array(text).optional();

/**
 * A file for `--settings`: those parts that would leave Claude with more than was meant, were they wrong. The CLI leaves
 * out what it does not understand, and says nothing.
 */
export const claudeSettings = z.looseObject({
  permissions: z.looseObject({ allow: rules, ask: rules, deny: rules }).optional(),
  hooks: z.record(text, z.array(z.looseObject({ hooks: z.array(z.looseObject({ type: text })) }))).optional(),
  env: texts.optional(),
});

/**
 * What is wrong with a JSON file, by its places; never a value of it.
 * @returns an empty list where it is as it should be.
 */
export function mistakesIn(file: string, schema: z.ZodType): string[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return [
      error instanceof SyntaxError
        ? 'it is no JSON'
        : `it cannot be read (${String((error as NodeJS.ErrnoException).code)})`,
    ];
  }
  const { error } = schema.safeParse(content);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.') || 'the whole'}: ${message}`);
}
