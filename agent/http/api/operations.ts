import { BUDGET_OPERATIONS } from './budget-operations.ts';
import { LOGIN_OPERATIONS } from './login-operations.ts';
import { DECISION_OPERATIONS } from './decision-operations.ts';
import { FILE_OPERATIONS } from './file-operations.ts';
import { GIT_OPERATIONS } from './git-operations.ts';
import { MCP_OPERATIONS } from './mcp-operations.ts';
import type { Operation } from './operation.ts';
import { RUN_OPERATIONS } from './run-operations.ts';
import { STATE_OPERATIONS } from './state-operations.ts';
import { TRANSCRIPT_OPERATIONS } from './transcript-operations.ts';

/** All operations of the API by their `operationId` in the OpenAPI document. */
export const OPERATIONS = {
  ...RUN_OPERATIONS,
  ...TRANSCRIPT_OPERATIONS,
  ...DECISION_OPERATIONS,
  ...FILE_OPERATIONS,
  ...BUDGET_OPERATIONS,
  ...GIT_OPERATIONS,
  ...MCP_OPERATIONS,
  ...STATE_OPERATIONS,
  ...LOGIN_OPERATIONS,
};

/** The name of an operation. */
export type OperationId = keyof typeof OPERATIONS;

/** Every operation with its name. */
export const operations = Object.entries(OPERATIONS) as [OperationId, Operation][];
