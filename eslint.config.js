import js from '@eslint/js';
import globals from 'globals';
import tseslint from 'typescript-eslint';

const readsEnvironment = [
  'agent/settings.ts',
  'agent/runner/settings.ts',
  'watchdog/settings.ts',
  'stack/cli/**',
  'scripts/command.ts',
  'test/**',
];

export default tseslint.config(
  { ignores: ['node_modules/', '.local/'] },
  js.configs.recommended,
  { files: ['agent/http/page/*.js'], languageOptions: { globals: globals.browser } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: false }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['**/*.ts'],
    ignores: readsEnvironment,
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'Each program has one reader of the environment: its settings.ts.',
        },
      ],
    },
  },
);
