import { describe, expect, it } from '@jest/globals';
import { LogTimestamp } from '@temporalio/worker';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TributaryError } from '../../../src/contracts/errors.ts';
import { createLog, type LogOptions } from '../../../src/workers/log.ts';

const capture = (options: Partial<LogOptions> = {}): { log: ReturnType<typeof createLog>; text: () => string; lines: () => Record<string, unknown>[] } => {
  let text = '';
  const log = createLog({ level: 'info', format: 'json', terminal: { interactive: false, color: false }, ...options }, { write: (line: string) => { text += line; } });
  return { log, text: () => text, lines: () => text.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>) };
};

describe('log', () => {
  it('writes one JSON line each, with who said it', () => {
    const { log, lines } = capture();
    log.info('chunk published', {
      sdkComponent: 'activity', workflowId: 'nightly/logs/0a1b2c3d/batch-000000-0001', activityType: 'mergeChunks', attempt: 2, taskToken: 'x', isLocal: false, namespace: 'default', store: 'default', bucket: 'b', key: 'k',
    });
    expect(lines()).toEqual([{
      level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), msg: 'chunk published', component: 'activity', run: 'nightly/logs', workflowId: 'nightly/logs/0a1b2c3d/batch-000000-0001', activity: 'mergeChunks', attempt: 2,
      store: 'default', bucket: 'b', key: 'k',
    }]);
  });

  it('keeps the time at which a line was meant', () => {
    const { log, lines } = capture();
    log.warn('late', { [LogTimestamp]: 1_700_000_000_123_456_789n });
    expect(lines()[0]).toMatchObject({ level: 'warn', time: '2023-11-14T22:13:20.123Z' });
  });

  it('leaves out what is below the level', () => {
    const { log, text } = capture({ level: 'warn' });
    log.info('no');
    log.debug('no');
    log.trace('no');
    expect(text()).toBe('');
    log.error('yes');
    expect(text()).toContain('yes');
  });

  it('keeps to itself what the SDK tells about its own starts', () => {
    const { log, lines } = capture();
    log.info('Worker state changed', { sdkComponent: 'worker' });
    log.warn('No workflows registered, not polling for workflow tasks', { sdkComponent: 'worker' });
    log.warn('Workflow Task failed', { sdkComponent: 'worker' });
    expect(lines()).toMatchObject([{ level: 'warn', msg: 'Workflow Task failed' }]);
  });

  it('shows an error with code, context and causes, and nothing that a library hung on it', () => {
    const { log, lines } = capture();
    const cause = Object.assign(new Error('socket'), { request: { headers: { authorization: 'AWS4-HMAC hunter2' } } });
    log.error('failed', { error: new TributaryError('TRB-STORE-FAULT', 'no answer', { store: 'default' }, { cause }) });
    expect(lines()[0]).toMatchObject({ error: { code: 'TRB-STORE-FAULT', message: 'no answer', context: { store: 'default' }, cause: { message: 'socket' }, stack: expect.any(String) } });
    expect(JSON.stringify(lines())).not.toContain('hunter2');
  });

  it('is readable on a terminal, and where it is asked for', () => {
    for (const options of [{ format: 'auto', terminal: { interactive: true, color: false } }, { format: 'text' }] as const) {
      const { log, text } = capture(options);
      log.info('chunk published', { key: 'k' });
      expect(text()).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: chunk published \{"key":"k"\}\n$/);
    }
  });

  it('appends JSON to a file, also on a terminal', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tributary-log-'));
    try {
      const file = join(folder, 'logs/worker.log');
      createLog({ level: 'info', format: 'auto', file, terminal: { interactive: true, color: true } }).info('hello');
      expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ msg: 'hello' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
