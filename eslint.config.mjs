import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import { noCircle } from './scripts/import-circles.mjs';

const NODE_BUILTINS = 'Workflow code is deterministic: no Node builtin may enter it.';
const ONLY_TYPES =
  'protocol/ holds types, names and constants of what crosses Temporal: it imports types, and does nothing.';
const NOT_INSIDE = 'What workflows and their callers share is in protocol/.';
const OWN_TIME =
  'The core takes time and chance from its ports, so that a simulation can give its own: Clock and Random.';
const NO_STREAMS = 'A Node stream keeps time of its own: hand over changes as async iterables.';
const forbid = (properties) => properties.map(([object, property]) => ({ object, property, message: OWN_TIME }));
const restrict = (files, patterns) => ({
  files,
  rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
});

export default tseslint.config(
  { ignores: ['dist', 'node_modules', '.cache', '.tributary', 'coverage', '**/*.mjs'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { tributary: { rules: { 'no-circle': noCircle } } },
    rules: {
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'exit', message: 'Only a command of its own ends the process.' },
      ],
      'tributary/no-circle': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  // The core knows no connector, no driver and no Temporal.
  restrict(
    ['src/core/**'],
    [
      {
        regex:
          '^(@temporalio/|mongodb$|pino|@opentelemetry/)|/(connectors|formats|protocol|activities|workflows|config|cli|servers|telemetry|worker|host)/',
        message: 'core/ knows no connector, no driver, no Temporal, no host.',
      },
      { regex: '^(node:)?(timers|perf_hooks|process)(/|$)', message: OWN_TIME },
      // Hashes are no chance.
      { regex: '^(node:)?crypto$', allowImportNames: ['createHash'], message: OWN_TIME },
      { regex: '^(node:)?stream(/|$)', message: NO_STREAMS },
      { regex: '^(node:)?events$', allowImportNames: ['setMaxListeners'], message: NO_STREAMS },
    ],
  ),
  {
    files: ['src/core/**'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...[
          'setTimeout',
          'setInterval',
          'setImmediate',
          'performance',
          'crypto',
          'process',
          'globalThis',
          'global',
        ].map((name) => ({ name, message: OWN_TIME })),
      ],
      'no-restricted-properties': [
        'error',
        ...forbid([
          ['Date', 'now'],
          ['AbortSignal', 'timeout'],
          ['Math', 'random'],
        ]),
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: OWN_TIME },
        { selector: 'CallExpression[callee.name="Date"]', message: OWN_TIME },
      ],
    },
  },
  // What crosses Temporal: both sides import it, so it imports neither, and does nothing.
  restrict(
    ['src/protocol/**'],
    [
      { regex: '^(?!\\./|\\.\\./core/|\\.\\./config/schema$|@temporalio/workflow$)', message: ONLY_TYPES },
      { regex: '^\\.\\./(core|config)/', allowTypeImports: true, message: ONLY_TYPES },
      {
        regex: '^@temporalio/workflow$',
        allowImportNames: ['defineQuery', 'defineSignal', 'defineUpdate', 'Sinks'],
        message: ONLY_TYPES,
      },
    ],
  ),
  {
    files: ['src/protocol/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...[
          'ClassDeclaration',
          'NewExpression',
          'AwaitExpression',
          'ThrowStatement',
          'VariableDeclaration[kind="let"]',
        ].map((selector) => ({ selector, message: ONLY_TYPES })),
      ],
    },
  },
  // Workflow code: deterministic, and no activity's code, which opens databases.
  restrict(
    ['src/workflows/**'],
    [
      { regex: '^node:|^(fs|path|os|crypto|net|http|child_process|worker_threads|timers)$', message: NODE_BUILTINS },
      { regex: '(^|/)activities(/|$)', message: 'What workflows call is in protocol/.' },
      {
        regex: '/(connectors|formats|config|cli|servers|telemetry|auth|host|worker)/',
        allowTypeImports: true,
        message: 'Workflows import these as types only.',
      },
    ],
  ),
  {
    files: ['src/workflows/**'],
    rules: {
      'no-restricted-globals': ['error', 'process', 'setInterval', 'performance', 'fetch', 'Buffer'],
    },
  },
  restrict(
    ['src/connectors/*/source/**'],
    [
      {
        regex: '/(destination|protocol|activities|workflows|cli|servers)/',
        message: 'A source knows nothing of these.',
      },
    ],
  ),
  restrict(
    ['src/connectors/*/destination/**'],
    [
      {
        regex: '/(source|protocol|activities|workflows|cli|servers)/',
        message: 'A destination knows nothing of these.',
      },
    ],
  ),
  // The bundler alone takes workflow code, by its path.
  restrict(
    ['src/*.ts', 'src/{activities,worker,telemetry,temporal}/**', 'bench/**'],
    [{ regex: '(^|/)workflows(/|$)', message: NOT_INSIDE }],
  ),
  restrict(['src/cli/**'], [{ regex: '(^|/)(workflows|activities)(/|$)', message: NOT_INSIDE }]),
  {
    files: ['src/worker.ts', 'src/starter.ts', 'tests/chaos/run.ts', 'tests/chaos/mutants.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: [
      'src/starter.ts',
      'src/cli/**',
      'bench/**',
      'tests/support/**',
      'tests/chaos/run.ts',
      'tests/chaos/mutants.ts',
      'tests/chaos/chaos.test.ts',
      'tests/simulation/run.ts',
      'tests/simulation/mutants.ts',
    ],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['tests/**', 'bench/**'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
);
