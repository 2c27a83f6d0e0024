/** The API token's file, below the root of the repository; `npm start` uses the same. */
export const TOKEN_FILE = '.local/agent-token';
