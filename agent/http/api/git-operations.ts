import { gitCheck } from './git.ts';
import type { Operation } from './operation.ts';

/** The operation on git hosts. */
export const GIT_OPERATIONS = {
  checkGit: {
    method: 'POST',
    path: '/git/check',
    rights: ['admin'],
    summary: 'Check whether the git hosts work',
    description:
      'Asks each configured host whether it takes the credential, and whether the repositories that are named without `*` can be read. Takes at most 20 seconds. Returns `200` whatever the result.',
    answers: {
      200: {
        description: 'What each host answered; an empty list if none is configured.',
        content: {
          schema: gitCheck,
          example: {
            hosts: [
              { name: 'https://github.com/acme/shop', ok: true, detail: 'https://github.com/acme/shop can be read.' },
            ],
          },
        },
      },
    },
    problems: [],
  },
} as const satisfies Record<string, Operation>;
