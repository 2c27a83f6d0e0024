/**
 * Loaded before Pulumi's runtime and the program, by `nodeargs` in Pulumi.yaml: Node keeps what it compiles, Pulumi's SDK
 * for the most part, and finds it again the next time. What changed is compiled anew; a folder that can't be written to
 * does no harm.
 * @module
 */
import * as module from 'node:module';
import * as path from 'node:path';

module.enableCompileCache(path.resolve(import.meta.dirname, '..', 'node_modules', '.cache', 'compile'));
