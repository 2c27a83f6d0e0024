import type { Option, Usage } from './command-line.ts';
import { optionsOf } from './pulumi-options.ts';

const STACK: Option = {
  value: 'NAME',
  short: 's',
  help: 'The stack; without it the one that PULUMI_STACK names, else dev.',
};

/** The commands of the command line by their names, which are those of the scripts in package.json. */
export const USAGES = {
  up: {
    command: 'npm run up',
    summary:
      'Builds the image, pushes it and deploys the stack, which it makes where there is none. Shows the changes and asks.',
    options: { stack: STACK },
    passesOn: optionsOf('up'),
  },
  preview: {
    command: 'npm run preview',
    summary: 'Shows what `npm run up` would change, and changes nothing.',
    options: { stack: STACK },
    passesOn: optionsOf('preview'),
  },
  plan: {
    command: 'npm run plan',
    summary:
      'Shows what `npm run up` would make, with no engine, cluster, registry or Azure: a table, and each resource as a YAML file.',
    options: {
      stack: STACK,
      'config-file': { value: 'FILE', help: "Another file than the stack's Pulumi.NAME.yaml." },
      out: { value: 'FOLDER', help: 'Where the YAML files go; without it .local/plan.' },
    },
  },
  refresh: {
    command: 'npm run refresh',
    summary: "Takes into the stack's state what the cluster really has. Shows the differences and asks.",
    options: { stack: STACK },
    passesOn: optionsOf('refresh'),
  },
  down: {
    command: 'npm run down',
    summary: 'Removes everything that the stack has. Shows what that is and asks.',
    options: { stack: STACK },
    passesOn: optionsOf('destroy'),
  },
  rollback: {
    command: 'npm run rollback',
    summary:
      'Lists the updates on record. With the number of one: goes back to its config and image, after showing it and asking.',
    positionals: { shown: '[NUMBER]', name: 'number', most: 1, help: 'Of the update to go back to.' },
    options: { stack: STACK },
    passesOn: optionsOf('up'),
  },
  login: {
    command: 'npm run login',
    summary: 'Logs in to Claude for the pod, in a browser, with a login of its own in .local/session.',
    options: { stack: { ...STACK, help: 'The stack that the next command is for; the login is the same for each.' } },
  },
  doctor: {
    command: 'npm run doctor',
    summary:
      'Looks at everything between you and an answer, says what to do where something is broken, and changes nothing.',
    options: {
      stack: STACK,
      quick: { help: 'Leaves out the comparison of the cluster with the config.' },
      json: { help: 'Prints one JSON object, for programs.' },
    },
  },
  backup: {
    command: 'npm run backup',
    summary: 'Puts everything that this system is into one file. Changes nothing.',
    positionals: { shown: '[FILE]', name: 'file', most: 1, help: 'To write; without it one in .local/backups.' },
    options: {
      stack: STACK,
      conversations: { value: 'MEGABYTES', help: 'How much of the conversations, the newest first; 1024 without it.' },
    },
  },
  restore: {
    command: 'npm run restore',
    summary:
      'Brings a system back from a backup. Says what it will do and asks; killed at any point, it goes on when run again.',
    positionals: { shown: 'FILE', name: 'file', most: 1, help: 'That `npm run backup` wrote.' },
    options: {
      stack: STACK,
      yes: { short: 'y', help: 'Does not ask.' },
      only: { value: 'PART', help: 'state or volume; the other one stays as it is.' },
      config: { value: 'KEY=VALUE', short: 'c', help: 'Config that is other than in the backup; may be given again.' },
      overwrite: { help: 'Overwrites a living system.' },
    },
  },
} as const satisfies Readonly<Record<string, Usage>>;

/** `pulumi` takes what Pulumi takes. Its options are for what npm keeps of them. */
export const PULUMI_USAGE: Usage = {
  command: 'npm run pulumi',
  summary:
    'Runs any command of Pulumi on the stack, with its backend and passphrase. What Pulumi takes: npm run pulumi -- COMMAND --help',
  positionals: {
    shown: 'COMMAND …',
    name: 'command',
    most: Infinity,
    help: 'Of Pulumi, with its arguments and options.',
  },
  options: {
    stack: STACK,
    secret: { help: 'Of `config set`: the value is encrypted.' },
    path: { help: 'Of `config set`: the key is a path into a list or map.' },
  },
};
