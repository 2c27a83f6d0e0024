/**
 * A thread that validates JSON Schemas, one per message as JSON text. It replies with the error; empty for a valid schema.
 * @module
 */
import { parentPort } from 'node:worker_threads';
import { Ajv } from 'ajv';

/** The options of the validator that `claude` 2.1.330 uses for `--json-schema`; `test/contract/schemas.test.ts` compares them. */
const LIKE_CLAUDE = { validateFormats: false, multipleOfPrecision: 6, logger: false } as const;

parentPort?.on('message', (text: string) => parentPort?.postMessage(mistakeIn(JSON.parse(text) as object)));

function mistakeIn(schema: object): string {
  if ('$async' in schema && schema.$async) return '$async schemas are not supported';
  // A validator that is used again would resolve references to earlier schemas.
  // If a thread runs out of memory, V8 can end the whole process, so references are not inlined.
  const ajv = new Ajv({ ...LIKE_CLAUDE, inlineRefs: false });
  try {
    if (ajv.validateSchema(schema) !== true) return ajv.errorsText(ajv.errors, { dataVar: 'schema' });
    ajv.compile(schema);
    return '';
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return '$schema' in schema && message.startsWith('no schema with key or ref "http')
      ? `${message}; leave \`$schema\` out`
      : message;
  }
}
