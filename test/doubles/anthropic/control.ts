import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Behaviour } from './behaviour.ts';
import { federationSettings } from './federation.ts';

const settings = z.strictObject({
  mode: z.string().optional(),
  accept: z.array(z.string()).nullish(),
  headers: z.record(z.string(), z.string()).optional(),
  federation: federationSettings.partial().optional(),
});

/**
 * The double's own endpoint, for a double in another process: `PUT /_control {mode?, accept?, headers?, federation?}` changes its
 * behaviour, `DELETE /_control` resets it, `GET /_control/requests` lists the requests, without headers and bodies, but
 * with the number of messages of the conversation.
 */
export function handleControl(
  behaviour: Behaviour,
  method: string,
  path: string,
  body: unknown,
  response: ServerResponse,
): void {
  const send = (status: number, answer: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  };
  switch (`${method} ${path}`) {
    case 'PUT /_control':
      behaviour.configure(settings.parse(body));
      send(200, { mode: behaviour.mode });
      break;
    case 'DELETE /_control':
      behaviour.reset();
      send(200, { mode: behaviour.mode });
      break;
    case 'GET /_control/requests':
      send(
        200,
        behaviour.requests.map((request) => ({
          ...request,
          messages: (request.body as { messages?: unknown[] } | undefined)?.messages?.length,
          body: undefined,
          headers: undefined,
        })),
      );
      break;
    default:
      send(404, { error: `No ${method} ${path}` });
  }
}
