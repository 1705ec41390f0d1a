import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ensureTemporalBinary } from '../../../../src/client/services/ensure-program.ts';
import { TEMPORAL, VERSITYGW } from '../../../../src/client/services/programs.ts';
import { readEnvironment } from '../../../../src/config/environment.ts';

let home: string;
beforeEach(() => { home = mkdtempSync(join(tmpdir(), 'tributary-programs-')); });
afterEach(() => rmSync(home, { recursive: true, force: true }));

function program(path: string, exitCode = 0): string {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, `#!/bin/sh\nexit ${exitCode}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** A machine with nothing but what the test puts in `home`. */
function machine(variables: Record<string, string> = {}): ReturnType<typeof readEnvironment> {
  return readEnvironment({ HOME: home, PATH: join(home, 'path'), ...variables });
}

describe('ensureTemporalBinary', () => {
  it('takes the path in the variable before one on PATH, and that before the cache', async () => {
    const cached = program(join(home, '.cache/tributary/bin', TEMPORAL.cachedAs));
    await expect(ensureTemporalBinary({ environment: machine() })).resolves.toBe(cached);
    const onPath = program(join(home, 'path/temporal'));
    await expect(ensureTemporalBinary({ environment: machine() })).resolves.toBe(onPath);
    const named = program(join(home, 'elsewhere/temporal'));
    await expect(ensureTemporalBinary({ environment: machine({ TRIBUTARY_TEMPORAL_BIN: named }) })).resolves.toBe(named);
  });

  it('refuses a variable that names no working program, whatever else is there', async () => {
    program(join(home, 'path/temporal'));
    const broken = program(join(home, 'broken'), 1);
    for (const path of [broken, join(home, 'missing')]) {
      await expect(ensureTemporalBinary({ environment: machine({ TRIBUTARY_TEMPORAL_BIN: path }) })).rejects.toMatchObject({
        code: 'TRB-INVALID-CONFIG', message: `TRIBUTARY_TEMPORAL_BIN names "${path}", which is no working temporal program` });
    }
  });

  it('passes over a program on PATH that does not run', async () => {
    program(join(home, 'path/temporal'), 127);
    const cached = program(join(home, '.cache/tributary/bin', TEMPORAL.cachedAs));
    await expect(ensureTemporalBinary({ environment: machine() })).resolves.toBe(cached);
  });
});

describe('the release archives', () => {
  it('are named as each project names them', () => {
    expect(TEMPORAL.releaseUrl('linux', 'x64')).toMatch(/\/v1\.5\.1\/temporal_cli_1\.5\.1_linux_amd64\.tar\.gz$/);
    expect(TEMPORAL.releaseUrl('darwin', 'arm64')).toMatch(/temporal_cli_1\.5\.1_darwin_arm64\.tar\.gz$/);
    expect(VERSITYGW.releaseUrl('linux', 'x64')).toMatch(/\/v1\.8\.0\/versitygw_v1\.8\.0_Linux_x86_64\.tar\.gz$/);
    expect(VERSITYGW.releaseUrl('darwin', 'arm64')).toMatch(/versitygw_v1\.8\.0_Darwin_arm64\.tar\.gz$/);
    expect(TEMPORAL.releaseUrl('win32', 'x64')).toBeUndefined();
    expect(VERSITYGW.releaseUrl('linux', 'riscv64')).toBeUndefined();
  });

  it('pin the versions that tools/ builds', () => {
    for (const { name, goPackage, version } of [TEMPORAL, VERSITYGW]) {
      const pinned = goModule(name);
      const [, module] = /^(github\.com\/[^/]+\/[^/]+)/.exec(goPackage) ?? [];
      expect(pinned).toContain(`${module ?? ''} v${version}`);
    }
  });
});

function goModule(name: string): string {
  return readFileSync(new URL(`../../../../tools/${name}/go.mod`, import.meta.url), 'utf8');
}
