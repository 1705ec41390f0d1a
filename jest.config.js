/** Rings are projects: `npm run test:unit`, `npm run test:store`, … `npm test` runs them all. */
const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } }],
  },
};
const ring = (name, extra = {}) => ({ ...common, displayName: name, testMatch: [`<rootDir>/test/${name}/**/*.test.ts`], ...extra });

export default {
  projects: [ring('unit'), ring('store'), ring('workflow'), ring('replay'), ring('e2e'), ring('fault')],
  testTimeout: 120_000,
};
