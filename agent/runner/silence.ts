import type { WebSocket } from 'ws';

/**
 * Ends a connection on which nothing arrives for a time. Counts turns of a timer, not time: after this program itself was
 * stopped for long, what has arrived meanwhile is read first.
 * @param turnMs how often to look, in milliseconds.
 * @param onTurn called before each look.
 */
export function endWhenSilent(
  socket: WebSocket,
  silenceMs: number,
  turnMs: number,
  onTurn: () => void = () => undefined,
): void {
  let silent = 0;
  const heard = () => (silent = 0);
  for (const event of ['message', 'ping', 'pong']) socket.on(event, heard);
  const timer = setInterval(() => {
    onTurn();
    silent += 1;
    if (silent * turnMs >= silenceMs) socket.terminate();
  }, turnMs);
  socket.once('close', () => clearInterval(timer));
}
