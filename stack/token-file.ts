import { TOKEN_FILE as NAME } from '../agent/contract.ts';

/** The API token's file, below the root of the repository; `npm start` uses the same. */
export const TOKEN_FILE = `.local/${NAME}`;
