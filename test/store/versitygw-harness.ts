import type { StoreConfig } from '../../src/contracts/config.ts';
import type { ObjectStore } from '../../src/stores/object-store.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { startTestServer } from '../support/versitygw.ts';
import type { Harness } from './conformance/harness.ts';

const STRANGER = { accessKeyId: 'stranger', secretAccessKey: 'secret-of-stranger' };

/** A versitygw of its own, and the adapter under test connected to it in each way that the suite needs. */
export async function openVersitygw(connect: (config: StoreConfig) => ObjectStore): Promise<Harness> {
  const server = await startTestServer();
  const proxy = await startTcpProxy(server.endpoint);
  await server.createAccount(STRANGER);
  const stores = {
    store: connect(server.config()),
    stranger: connect(server.config({ account: STRANGER })),
    unknownKey: connect(server.config({ account: { accessKeyId: 'nobody', secretAccessKey: 'secret-of-nobody' } })),
    wrongSecret: connect(server.config({ account: { ...server.root, secretAccessKey: 'secret-of-another' } })),
  };
  const throughProxy = connect(server.config({ endpoint: proxy.endpoint }));
  return {
    ...stores,
    traits: { keepsEveryKey: false, minPartBytes: 5 * 2 ** 20 },
    proxied: { store: throughProxy, cutAnswerAfter: (bytes, times) => { proxy.cutAnswerAfter(bytes, times); } },
    close: async () => {
      for (const store of [...Object.values(stores), throughProxy]) store.close();
      await proxy.close();
      await server.stop();
    },
  };
}
