/**
 * Style that machines can judge. The fences between rooms are in .dependency-cruiser.cjs; here are only those that need the
 * text of a file: who reads the environment, and what workflow and pure code may touch.
 */
import { builtinModules } from 'node:module';
import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const environment = {
  'no-restricted-properties': ['error', { object: 'process', property: 'env', message: 'Only src/config reads the environment.' }],
  'no-restricted-imports': ['error', ...['process', 'node:process'].map((name) => ({ name, message: 'Use the global `process`, so that the environment fence sees it.' }))],
};

const pure = 'Core is pure: pass it in as an argument.';

export default defineConfig(
  { ignores: ['dist/', 'coverage/', 'node_modules/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Numbers and booleans read well in messages; objects do not.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: 'only-allowed-literals' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // Code points are what a glob or a key is made of here.
      '@typescript-eslint/no-misused-spread': ['error', { allow: [{ from: 'lib', name: 'string' }] }],
      // `async` without `await` turns a throw into a rejection, which is what a port's adapter owes its caller.
      '@typescript-eslint/require-await': 'off',
      'no-undef': 'off',
      eqeqeq: 'error',
    },
  },
  {
    // Declarations of what others made have the shape that it has.
    files: ['**/*.d.ts'],
    rules: { '@typescript-eslint/no-extraneous-class': 'off' },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/config/**'],
    rules: environment,
  },
  {
    files: ['src/workflows/**/*.ts'],
    rules: {
      'no-restricted-imports': 'off',
      '@typescript-eslint/no-restricted-imports': ['error', {
        paths: builtinModules.map((name) => ({ name, message: 'Workflow code runs in a sandbox without Node.' })),
        patterns: [
          { group: ['node:*'], message: 'Workflow code runs in a sandbox without Node.' },
          { regex: '/(activities|stores|pipeline|workers|client|config)/', allowTypeImports: true, message: 'Workflows know other rooms only by their types.' },
          { group: ['zod'], allowTypeImports: true, message: 'A raw error of zod is a workflow task failure, which retries for ever. Parse in the client and in resolveSpec.' },
        ],
      }],
    },
  },
  {
    files: ['src/core/**/*.ts', 'src/contracts/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...['performance', 'setTimeout', 'setInterval', 'setImmediate', 'fetch', 'console', 'process', 'crypto'].map((name) => ({ name, message: pure }))],
      'no-restricted-properties': ['error', { object: 'Date', property: 'now', message: pure }, { object: 'Math', property: 'random', message: pure }],
      'no-restricted-syntax': ['error', { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: pure }],
    },
  },
  {
    // Jest's asymmetric matchers are typed `any`, and a test may say what it knows to be there.
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      // Fakes are objects of functions; a test may hand one of them on alone.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: {
      globals: { console: 'readonly', process: 'readonly', module: 'writable', URL: 'readonly', setTimeout: 'readonly', clearTimeout: 'readonly', setInterval: 'readonly', clearInterval: 'readonly' },
    },
  },
);
