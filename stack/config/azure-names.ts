/**
 * The names that Azure Resource Manager accepts.
 * Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
 * @module
 */

/** A rule, and its wording for an error message. */
export interface NameRule {
  readonly pattern: RegExp;
  readonly allowed: string;
}

/** The rules by what they name. */
export const NAME_RULES = {
  subscription: {
    pattern: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
    allowed: 'the ID of a subscription (`az account show --query id --output tsv`)',
  },
  location: { pattern: /^[a-z][a-z0-9]+$/, allowed: 'a location in short form, such as westeurope' },
  resourceGroup: {
    pattern: /^[-\w.()]{0,89}[-\w()]$/,
    allowed: '1 to 90 letters, digits and -_.(), not ending with a period',
  },
  registry: { pattern: /^[a-zA-Z0-9]{5,50}$/, allowed: '5 to 50 letters and digits, unique in all of Azure' },
  cluster: {
    pattern: /^[a-zA-Z0-9]([-\w]{0,61}[a-zA-Z0-9])?$/,
    allowed: '1 to 63 letters, digits and -_, with a letter or digit at both ends',
  },
  identity: {
    pattern: /^[a-zA-Z0-9][-\w]{2,127}$/,
    allowed: '3 to 128 letters, digits and -_, starting with a letter or digit',
  },
  workspace: {
    pattern: /^[a-zA-Z0-9][-a-zA-Z0-9]{2,61}[a-zA-Z0-9]$/,
    allowed: '4 to 63 letters, digits and -, with a letter or digit at both ends',
  },
  vmSize: { pattern: /^Standard_[A-Z]+\d[-\w]*$/, allowed: 'the size of a virtual machine, such as Standard_D4s_v5' },
} as const satisfies Record<string, NameRule>;

/** Sizes with an Arm processor have a `p` among the lowercase letters: Standard_D4ps_v5. */
export const isArmSize = (vmSize: string): boolean => /^Standard_[A-Z]+[-\d]+[a-z]*p/.test(vmSize);
