import type { Message } from '../doubles/receiver/server.ts';
import { DOUBLE } from './checkout.ts';
import { kubectl } from './cluster.ts';
import { startDoubles } from './doubles.ts';

const { namespace } = DOUBLE;
const name = 'n8n';
const port = 5678;

/** Where callbacks go that n8n asks for: its Service, by its usual name and port. */
export const RECEIVER_URL = `http://${name}.${namespace}.svc:${port}`;

/** Starts a receiver of callbacks in the place of n8n. */
export const startReceiver = (image: string): Promise<void> => startDoubles(image, { program: 'receiver', name, port });

/** The messages that arrived, oldest first. */
export async function received(): Promise<Message[]> {
  const log = await kubectl(['logs', `deployment/${name}`, '--namespace', namespace]);
  return log
    .split('\n')
    .filter((line) => line.includes('"body"'))
    .map((line) => JSON.parse(line) as Message);
}
