import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';

/** How long the rest of a refused request is read. */
const LINGER_MS = 5000;

/**
 * Lets a client that is still sending read the response that refuses its request.
 *
 * Node.js closes the connection after a response with `Connection: close`. Closing one with data that nobody has read resets
 * it, and a client or a proxy that meets the reset drops the response: nginx sends `502` instead. So only the own side is closed
 * at first, and what comes is read and dropped until the request ends, or for a few seconds.
 */
export function lingerAfter(incoming: IncomingMessage): void {
  const { socket } = incoming;
  // A connection has many requests, one after the other.
  socket.destroySoon = () => {
    if (incoming.complete || socket.destroyed) {
      Socket.prototype.destroySoon.call(socket);
      return;
    }
    // Whoever closes it a second time does not know that it is being closed.
    socket.destroySoon = () => undefined;
    socket.end();
    incoming.once('end', () => socket.destroy());
    incoming.resume();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
    socket.once('close', () => clearTimeout(timer));
  };
}
