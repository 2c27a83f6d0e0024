/**
 * Loaded before Pulumi's runtime and the program, by `nodeargs` in Pulumi.yaml, so that both start in half the time. It is
 * JavaScript since the first file that is not must wait for Node's remover of types; of the others, the cache has the result.
 * @module
 */
import module, { createRequire } from 'node:module';
import * as path from 'node:path';

// Node keeps what it compiles and finds it again the next time. What changed is compiled anew; a folder that can't be
// written to does no harm.
module.enableCompileCache(path.resolve(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'compile'));

const requireOf = createRequire(createRequire(import.meta.url).resolve('@pulumi/pulumi'));

// For functions that are stored in the state, and for its traces: half of all that the SDK loads. This program has neither.
for (const name of [
  'typescript',
  '@npmcli/arborist',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace-base',
  '@opentelemetry/sdk-trace-node',
  '@opentelemetry/exporter-zipkin',
  '@opentelemetry/instrumentation',
  '@opentelemetry/instrumentation-grpc',
]) {
  loadOnUse(name);
}
// The SDK takes a stack trace for each of its promises. Mapping them to the TypeScript that it was made from takes a tenth
// of a second and 100 MB, and this program's own lines are right without.
standIn('source-map-support/register', {});

function loadOnUse(name) {
  let real;
  const load = () => {
    delete requireOf.cache[requireOf.resolve(name)];
    return requireOf(name);
  };
  standIn(name, new Proxy({}, { get: (_, key) => key === '__esModule' || (real ??= load())[key] }));
}

/** What the SDK gets in place of a package, if that is installed. */
function standIn(name, exports) {
  let file;
  try {
    file = requireOf.resolve(name);
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    return;
  }
  requireOf.cache[file] = Object.assign(new module.Module(file), { filename: file, exports, loaded: true });
}
