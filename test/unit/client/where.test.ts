import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeState } from '../../../src/client/local/state.ts';
import { findWhere, storesOf } from '../../../src/client/where.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { loadConfig, type FlagSetting, type ResolvedConfig } from '../../../src/config/load.ts';

let home: string;
beforeEach(() => { home = mkdtempSync(join(tmpdir(), 'tributary-where-')); });
afterEach(() => rmSync(home, { recursive: true, force: true }));

function config(variables: Record<string, string> = {}, flags: FlagSetting[] = []): ResolvedConfig {
  return loadConfig({ environment: readEnvironment({ HOME: home, ...variables }), flags, cwd: home });
}

async function runDev(pid = process.pid): Promise<void> {
  const folder = join(home, '.local/state/tributary/dev');
  mkdirSync(folder, { recursive: true });
  await writeState(join(folder, `${pid}.json`), {
    pid, startedMs: 1, data: '/data', ephemeral: false, temporal: { pid, program: 'temporal', address: '127.0.0.1:7299', uiUrl: 'http://127.0.0.1:8299' },
    s3: { pid, program: 'versitygw', endpoint: 'http://127.0.0.1:7070', region: 'us-east-1', accessKeyId: 'id', secretAccessKey: 'secret' },
  });
}

describe('findWhere', () => {
  it('is a cluster where a flag, a variable, temporal.toml or the configuration names one, also beside dev', async () => {
    await runDev();
    const flag: FlagSetting = { key: 'temporal.address', value: 'flag:7233', flag: '--address' };
    await expect(findWhere(config({}, [flag]))).resolves.toMatchObject({ kind: 'cluster', temporal: { address: 'flag:7233' } });
    await expect(findWhere(config({ TEMPORAL_ADDRESS: 'variable:7233' }))).resolves.toMatchObject({ kind: 'cluster', temporal: { address: 'variable:7233' } });
    writeFileSync(join(home, 'temporal.toml'), '[profile.default]\naddress = "toml:7233"\n');
    await expect(findWhere(config({ TEMPORAL_CONFIG_FILE: join(home, 'temporal.toml') }))).resolves.toMatchObject({ kind: 'cluster', temporal: { address: 'toml:7233' } });
    writeFileSync(join(home, 'tributary.yaml'), 'temporal: {address: "yaml:7233"}\n');
    await expect(findWhere(config())).resolves.toMatchObject({ kind: 'cluster', temporal: { address: 'yaml:7233' } });
  });

  it('is the embedded server of the S3 endpoint where nothing runs', async () => {
    await expect(findWhere(config())).resolves.toEqual({ kind: 'embedded', directory: join(home, '.local/state/tributary/local/aws') });
    await expect(findWhere(config({ AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000' }))).resolves.toMatchObject({ directory: join(home, '.local/state/tributary/local/127.0.0.1-9000') });
    await expect(findWhere(config({ XDG_STATE_HOME: '/state' }))).resolves.toMatchObject({ directory: '/state/tributary/local/aws' });
  });

  it('is dev for those who name its S3 server or none, and its S3 is theirs', async () => {
    await runDev();
    for (const variables of [{}, { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:7070', AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }]) {
      const resolved = config(variables);
      const where = await findWhere(resolved);
      expect(where).toMatchObject({ kind: 'dev', temporal: { address: '127.0.0.1:7299' } });
      expect(storesOf(resolved, where)['default']).toMatchObject({ endpoint: 'http://127.0.0.1:7070', pathStyle: true, credentials: { accessKeyId: 'id', secretAccessKey: 'secret' } });
    }
  });

  it('is not dev for those who mean another S3: its worker could not see it', async () => {
    await runDev();
    const others = [{ AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000' }, { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }, { AWS_PROFILE: 'work' }];
    for (const variables of others) await expect(findWhere(config(variables))).resolves.toMatchObject({ kind: 'embedded' });
  });

  it('is not a dev that was killed', async () => {
    await runDev(2 ** 22 + 1);
    await expect(findWhere(config())).resolves.toMatchObject({ kind: 'embedded' });
  });
});
