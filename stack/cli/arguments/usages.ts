import type { Option, Usage } from './command-line.ts';
import { optionsOf } from './pulumi-options.ts';

const STACK: Option = {
  value: 'NAME',
  short: 's',
  help: 'The stack. Default: PULUMI_STACK, otherwise dev.',
};

/** The commands by name, which is also the name of their script in package.json. */
export const USAGES = {
  up: {
    command: 'npm run up',
    summary:
      'Builds and pushes the image and deploys the stack. Creates the stack if it does not exist. Shows the changes and asks for confirmation.',
    options: { stack: STACK },
    passesOn: optionsOf('up'),
  },
  preview: {
    command: 'npm run preview',
    summary: 'Shows what `npm run up` would change. Changes nothing.',
    options: { stack: STACK },
    passesOn: optionsOf('preview'),
  },
  plan: {
    command: 'npm run plan',
    summary:
      'Shows what `npm run up` would create, as a table and as a YAML file per resource. Needs no engine, cluster, registry or Azure.',
    options: {
      stack: STACK,
      'config-file': { value: 'FILE', help: "The config file. Default: the stack's Pulumi.NAME.yaml." },
      out: { value: 'FOLDER', help: 'The folder for the YAML files. Default: .local/plan.' },
    },
  },
  refresh: {
    command: 'npm run refresh',
    summary: "Updates the stack's state from the cluster. Shows the differences and asks for confirmation.",
    options: { stack: STACK },
    passesOn: optionsOf('refresh'),
  },
  down: {
    command: 'npm run down',
    summary: 'Deletes everything in the stack. Shows what it will delete and asks for confirmation.',
    options: { stack: STACK },
    passesOn: optionsOf('destroy'),
  },
  rollback: {
    command: 'npm run rollback',
    summary:
      'Lists earlier updates. With a number, goes back to the config and image of that update: shows the changes and asks for confirmation.',
    positionals: { shown: '[NUMBER]', name: 'number', most: 1, help: 'The update to go back to.' },
    options: { stack: STACK },
    passesOn: optionsOf('up'),
  },
  login: {
    command: 'npm run login',
    summary: 'Logs in to Claude for the pod, in a browser. Stores this separate login in .local/session.',
    options: {
      stack: {
        ...STACK,
        help: 'The stack of the suggested next command, and of the context for --pod. All stacks use the same login.',
      },
      pod: {
        help: 'Logs in the running agent instead, with kubectl. Needs neither the state nor the passphrase. Stores nothing on this machine.',
      },
      context: {
        value: 'NAME',
        help: "With --pod: the context of the kubeconfig. Default: that of the stack's config, otherwise the current one.",
      },
    },
  },
  caller: {
    command: 'npm run caller',
    summary:
      "Changes who may call the agent. `add` and `rotate` make a token, print it once, and write its hash into the stack's file. `rotate operator` and `retire operator` change the API token.",
    positionals: {
      shown: 'add|rotate|retire|list [NAME]',
      name: 'action and name',
      most: 3,
      help: 'add: a new caller. rotate: a second token. retire: ends the older of two tokens. list: all callers.',
    },
    options: {
      stack: STACK,
      may: { value: 'RIGHTS', help: 'For add: run, read or admin, or several separated by commas. Default: run.' },
      label: { value: 'NAME=VALUE', help: 'For add: a label of each of its runs. Repeatable.' },
      all: { help: 'For retire: removes the caller with all of its tokens.' },
    },
  },
  doctor: {
    command: 'npm run doctor',
    summary:
      'Checks everything between you and an answer, and prints the next step for whatever is broken. Changes nothing.',
    options: {
      stack: STACK,
      quick: { help: 'Skips the comparison of the cluster with the config.' },
      json: { help: 'Prints one JSON object.' },
    },
  },
  backup: {
    command: 'npm run backup',
    summary: 'Backs up the whole system to one file. Changes nothing.',
    positionals: {
      shown: '[FILE]',
      name: 'file',
      most: 1,
      help: 'The file to write. Default: a new file in .local/backups.',
    },
    options: {
      stack: STACK,
      conversations: {
        value: 'MEGABYTES',
        help: 'How much of the conversations to include, newest first. Default: 1024.',
      },
    },
  },
  restore: {
    command: 'npm run restore',
    summary:
      'Restores a system from a backup. Shows what it will do and asks for confirmation. If interrupted, run it again to continue.',
    positionals: { shown: 'FILE', name: 'file', most: 1, help: 'A backup from `npm run backup`.' },
    options: {
      stack: STACK,
      yes: { short: 'y', help: 'Does not ask for confirmation.' },
      only: { value: 'PART', help: 'Restores only this part: state or volume.' },
      config: { value: 'KEY=VALUE', short: 'c', help: 'Overrides a config key from the backup. Repeatable.' },
      overwrite: { help: 'Overwrites existing data.' },
    },
  },
} as const satisfies Readonly<Record<string, Usage>>;

/** `pulumi` accepts everything that Pulumi accepts. The options here are those that npm may keep for itself. */
export const PULUMI_USAGE: Usage = {
  command: 'npm run pulumi',
  summary:
    "Runs any Pulumi command on the stack, with the stack's backend and passphrase. Help for a command: npm run pulumi -- COMMAND --help",
  positionals: {
    shown: 'COMMAND …',
    name: 'command',
    most: Infinity,
    help: 'A Pulumi command, with its arguments and options.',
  },
  options: {
    stack: STACK,
    secret: { help: 'For `config set`: encrypts the value.' },
    path: { help: 'For `config set`: treats the key as a path into a list or map.' },
  },
};
