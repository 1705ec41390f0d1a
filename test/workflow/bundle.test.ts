/** The workflow code as workers load it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '@temporalio/common';
import { WORKFLOWS } from '../../src/contracts/names.ts';
import { findWorkflowBundle } from '../../src/workers/bundle.ts';

let cache: string;
beforeAll(() => { cache = mkdtempSync(join(tmpdir(), 'tributary-bundle-')); });
afterAll(() => { rmSync(cache, { recursive: true }); });

const said: string[] = [];
const log = { info: (message: string) => { said.push(message); } } as Logger;

describe('findWorkflowBundle', () => {
  it('bundles once for one state of the sources, and makes room for it', async () => {
    const old = Array.from({ length: 6 }, (_, i) => join(cache, `workflows-${String(i).padStart(16, '0')}.js`));
    old.forEach((path, i) => {
      writeFileSync(path, '');
      utimesSync(path, i + 1, i + 1);
    });
    const path = await findWorkflowBundle(cache, log);
    const { mtimeMs } = statSync(path);
    expect(await findWorkflowBundle(cache, log)).toBe(path);
    expect(statSync(path).mtimeMs).toBe(mtimeMs);
    expect(said).toEqual(['bundling the workflow code']);
    expect(readdirSync(cache).sort()).toEqual([...old.slice(3).map((file) => file.slice(cache.length + 1)), path.slice(cache.length + 1)].sort());
  });

  it('holds every workflow, and a map without a copy of the sources', async () => {
    const code = readFileSync(await findWorkflowBundle(cache, log), 'utf8');
    for (const name of Object.values(WORKFLOWS)) expect(code).toContain(`function ${name}(`);
    const map = JSON.parse(Buffer.from(/base64,([A-Za-z0-9+/=]+)\s*$/.exec(code)![1]!, 'base64').toString()) as Record<string, unknown>;
    expect(map['mappings']).not.toBe('');
    expect(map).not.toHaveProperty('sourcesContent');
  });
});
