import { createHash } from 'node:crypto';

/** SHA-256 of a token in lower-case hex. */
export const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');
