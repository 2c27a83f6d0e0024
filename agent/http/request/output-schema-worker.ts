/**
 * A thread that says what is wrong with JSON Schemas, each a message of JSON text; an empty answer is a sound one.
 * @module
 */
import { parentPort } from 'node:worker_threads';
import { Ajv } from 'ajv';

/** As `claude` 2.1.330 makes its validator of `--json-schema`; `test/contract/schemas.test.ts` compares them. */
const LIKE_CLAUDE = { validateFormats: false, multipleOfPrecision: 6, logger: false } as const;

parentPort?.on('message', (text: string) => parentPort?.postMessage(mistakeIn(JSON.parse(text) as object)));

function mistakeIn(schema: object): string {
  if ('$async' in schema && schema.$async) return '$async schemas are not supported';
  // One that knew other schemas would resolve references to them.
  // V8 can end the whole process where a thread runs out of memory: nothing is written out here.
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
