import { createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { choosePort, isListening, requirePort } from '../../../../src/client/services/ports.ts';

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('choosePort', () => {
  it('gives ports that the system hands out to nobody by itself, and that can be bound', async () => {
    for (let round = 0; round < 20; round += 1) {
      const port = await choosePort();
      expect(port).toBeGreaterThanOrEqual(15_000);
      expect(port).toBeLessThan(32_768);
      (await listen(port)).close();
    }
  });

  it('gives the preferred one where it is free and not excepted, else another', async () => {
    const preferred = await choosePort();
    expect(await choosePort(preferred)).toBe(preferred);
    expect(await choosePort(preferred, [preferred])).not.toBe(preferred);
    const server = await listen(preferred);
    expect((server.address() as AddressInfo).port).toBe(preferred);
    expect(await isListening(`127.0.0.1:${preferred}`)).toBe(true);
    expect(await choosePort(preferred)).not.toBe(preferred);
    server.close();
  });
});

describe('requirePort', () => {
  it('refuses a port that somebody named where it is taken, and takes it where it is free', async () => {
    const port = await choosePort();
    const server = await listen(port);
    await expect(requirePort('--s3-port', port)).rejects.toMatchObject({ code: 'TRB-INVALID-CONFIG', message: expect.stringContaining(`--s3-port ${port}: something else`) });
    server.close();
    await once(server, 'close');
    await requirePort('--s3-port', port);
    await requirePort('--s3-port', undefined);
  });
});
