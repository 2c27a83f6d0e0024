/**
 * The command of an agent that prints `loaded NAME` for some of the modules that it loads.
 * @param condition in JavaScript, about `name`, as it is imported, and `context.parentURL`, of the module that imports it.
 */
export const tellsLoaded = (condition: string): readonly string[] => [
  process.execPath,
  '--import',
  `data:text/javascript,import{registerHooks}from'node:module';registerHooks({resolve(name,context,next){if(${condition})process.stderr.write('loaded '+name+'\\n');return next(name,context)}})`,
  'agent/main.ts',
];
