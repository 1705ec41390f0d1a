import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { confirm } from '../../../src/client/confirm.ts';

const stream = (isTTY: boolean): PassThrough & { isTTY: boolean } => Object.assign(new PassThrough(), { isTTY });

describe('confirm', () => {
  it.each([['y\n', true], ['Yes\n', true], ['n\n', false], ['\n', false], ['yesterday\n', false], ['', false]])('takes %j for %j', async (text, agreed) => {
    const [stdin, stderr] = [stream(true), stream(true)];
    stdin.end(text);
    expect(await confirm('Remove it?', { stdin, stderr })).toBe(agreed);
    expect(String(stderr.read())).toBe('Remove it? [y/N] ');
  });

  it.each([[false, true], [true, false]])('asks nobody where input (%j) or messages (%j) are no terminal', async (input, messages) => {
    const stderr = stream(messages);
    expect(await confirm('Remove it?', { stdin: stream(input), stderr })).toBeNull();
    expect(stderr.read()).toBeNull();
  });
});
