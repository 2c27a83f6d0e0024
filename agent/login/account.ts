import path from 'node:path';
import { z } from 'zod';
import { readOwnFile } from '../workspace/own-files.ts';

/** `claude` stores facts about the machine and the login in it, and reads MCP servers and environment variables from it. */
export const STATE_FILE = '.claude.json';

/** The CLI writes it when it has read the profile of its login. */
const accountFile = z.object({
  oauthAccount: z.object({ accountUuid: z.uuid(), emailAddress: z.string().optional() }),
});

/** The account of the login in a configuration folder, as the CLI found it out; undefined if it has not. */
export function accountIn(folder: string): z.output<typeof accountFile>['oauthAccount'] | undefined {
  return readAs(accountFile, path.join(folder, STATE_FILE))?.oauthAccount;
}

/** A JSON file of that form; undefined if there is none. */
export function readAs<T>(schema: z.ZodType<T>, file: string): T | undefined {
  try {
    return schema.parse(JSON.parse(readOwnFile(file)?.toString('utf8') ?? ''));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}
