import type { Handler } from 'hono';
import { openApiDocument } from '../api/document.ts';

/** `GET /openapi.json`: the interface, for programs. */
export function getOpenApi(version: string): Handler {
  let document: string | undefined;
  return (c) => {
    document ??= JSON.stringify(openApiDocument(version));
    return c.body(document, 200, { 'Content-Type': 'application/json' });
  };
}
