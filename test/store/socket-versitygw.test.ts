import { expect, it } from '@jest/globals';
import { connectStore } from '../../src/stores/connect-store.ts';
import { describeConformance } from './conformance.ts';
import { openVersitygw } from './versitygw-harness.ts';

const served = { sdk: 0, socket: 0 };

describeConformance('socket client on versitygw, the SDK for the rest', () => openVersitygw((config) => connectStore('default', { ...config, adapter: 'auto' }, {
  useEnvironmentEndpoint: false, onServed: (client) => {
    served[client] += 1;
  },
})), () => {
  it('has served the hot verbs', () => {
    expect(served.socket).toBeGreaterThan(2_000);
  });
});
