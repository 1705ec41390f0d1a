import { afterEach, describe, expect, it } from '@jest/globals';
import { serveHealth, type HealthServer, type HealthSource } from '../../../src/workers/health.ts';

let server: HealthServer | undefined;
afterEach(async () => { await server?.close(); server = undefined; });

const ask = async (source: Partial<HealthSource>, path: string, method = 'GET'): Promise<{ code: number; body: unknown }> => {
  server = await serveHealth({ reasons: async () => [], status: async () => ({}), ...source }, '127.0.0.1', 0);
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  return { code: response.status, body: method === 'HEAD' ? await response.text() : await response.json() };
};

describe('health server', () => {
  it('is alive as long as it answers, whatever is away', async () => {
    expect(await ask({ reasons: async () => ['Temporal does not answer'] }, '/livez')).toEqual({ code: 200, body: { alive: true } });
  });

  it('is ready where nothing speaks against it', async () => {
    expect(await ask({}, '/readyz')).toEqual({ code: 200, body: { ready: true, reasons: [] } });
  });

  it('says no with every reason', async () => {
    expect(await ask({ reasons: async () => ['a', 'b'] }, '/readyz?verbose')).toEqual({ code: 503, body: { ready: false, reasons: ['a', 'b'] } });
    await server?.close();
    expect(await ask({ reasons: async () => ['a'] }, '/readyz', 'HEAD')).toEqual({ code: 503, body: '' });
  });

  it('shows the status as JSON', async () => {
    expect(await ask({ status: async () => ({ state: 'RUNNING' }) }, '/status')).toEqual({ code: 200, body: { state: 'RUNNING' } });
  });

  it('answers 404, 405 and 500 in the same form', async () => {
    expect((await ask({}, '/')).code).toBe(404);
    await server?.close();
    expect((await ask({}, '/livez', 'POST')).code).toBe(405);
    await server?.close();
    expect(await ask({ status: async () => { throw new Error('no'); } }, '/status')).toEqual({ code: 500, body: { error: 'Error: no' } });
  });

  it('refuses a port that is taken, by name', async () => {
    await ask({}, '/livez');
    const port = server?.port ?? 0;
    await expect(serveHealth({ reasons: async () => [], status: async () => ({}) }, '127.0.0.1', port)).rejects.toMatchObject({
      code: 'TRB-INVALID-CONFIG', message: expect.stringContaining(`health cannot be served at 127.0.0.1:${port}`),
    });
  });
});
