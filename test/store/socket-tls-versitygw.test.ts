import { afterAll, beforeAll, expect, it } from '@jest/globals';
import tls from 'node:tls';
import { connectStore } from '../../src/stores/connect-store.ts';
import { makeCertificates } from '../support/certificate.ts';
import { startTlsFront } from '../support/tls-front.ts';
import { describeConformance } from './conformance.ts';
import { openVersitygw } from './versitygw-harness.ts';

const served = { sdk: 0, socket: 0 };
const certificates = makeCertificates();
const builtIn = tls.getCACertificates('default');

beforeAll(() => {
  tls.setDefaultCACertificates([...builtIn, certificates.ca]);
});
afterAll(() => {
  tls.setDefaultCACertificates(builtIn);
});

describeConformance('socket client on versitygw over TLS, the SDK for the rest', async () => {
  // The server itself, and the proxy that breaks answers.
  const targets: number[] = [];
  const fronts = await Promise.all([0, 1].map((at) => startTlsFront(certificates, () => targets[at] ?? 0)));
  const harness = await openVersitygw((config) => {
    const port = Number(new URL(config.endpoint ?? '').port);
    if (!targets.includes(port)) targets.push(port);
    const endpoint = `https://127.0.0.1:${fronts[targets.indexOf(port)]?.port ?? 0}`;
    return connectStore('default', { ...config, adapter: 'auto', endpoint }, {
      useEnvironmentEndpoint: false, onServed: (client) => {
        served[client] += 1;
      },
    });
  });
  return {
    ...harness,
    close: async () => {
      await harness.close();
      for (const front of fronts) await front.close();
    },
  };
}, () => {
  it('has served the hot verbs', () => {
    expect(served.socket).toBeGreaterThan(2_000);
  });
});
