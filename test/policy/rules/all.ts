import type { Rule } from '../rule.ts';
import { ACCESS_RULES } from './access.ts';
import { AZURE_RULES } from './azure.ts';
import { NAMING_RULES } from './naming.ts';
import { POD_RULES } from './pods.ts';
import { SECRET_RULES } from './secrets.ts';

/** Every security rule that the stack must follow. */
export const RULES: readonly Rule[] = [...POD_RULES, ...SECRET_RULES, ...ACCESS_RULES, ...NAMING_RULES, ...AZURE_RULES];
