import { createMemoryStore } from '../support/memory-store.ts';
import { describeConformance } from './conformance.ts';

describeConformance('store in memory', () => Promise.resolve({
  traits: { keepsEveryKey: true, minPartBytes: 5 * 2 ** 20 },
  store: createMemoryStore({ minPartBytes: 5 * 2 ** 20 }),
  close: () => Promise.resolve(),
}));
