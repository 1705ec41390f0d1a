import { describe, expect, it } from '@jest/globals';
import { Output, type OutputOptions } from '../../../src/client/output.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { MemorySink } from './support.ts';

function outputs(options: Partial<OutputOptions> = {}, isTTY = false, variables: Record<string, string> = {}): { output: Output; stdout: MemorySink; stderr: MemorySink } {
  const stdout = new MemorySink({ isTTY });
  const stderr = new MemorySink({ isTTY });
  const output = new Output({ format: 'text', color: 'auto', verbosity: 0, ...options }, { stdout, stderr }, readEnvironment({ HOME: '/', ...variables }).terminal);
  return { output, stdout, stderr };
}

describe('Output', () => {
  it('answers in the format that was asked for', () => {
    const answer = (format: OutputOptions['format'], value: unknown): string => {
      const { output, stdout } = outputs({ format });
      output.answer(value, () => 'in words');
      return stdout.text;
    };
    expect(answer('text', { a: 1 })).toBe('in words\n');
    expect(answer('json', [{ a: 1 }])).toBe('[\n  {\n    "a": 1\n  }\n]\n');
    expect(answer('jsonl', { a: 1 })).toBe('{"a":1}\n');
    expect(answer('jsonl', [{ a: 1 }, { a: 2 }])).toBe('{"a":1}\n{"a":2}\n');
    expect(answer('jsonl', [])).toBe('');
  });

  it('keeps messages away from stdout, and obeys quiet and verbose', () => {
    for (const [verbosity, expected] of [[-1, 'w\n'], [0, 's\nw\n'], [1, 's\nw\nd\n']] as const) {
      const { output, stdout, stderr } = outputs({ verbosity });
      output.say('s');
      output.warn('w');
      output.detail('d');
      expect(stderr.text).toBe(expected);
      expect(stdout.text).toBe('');
    }
  });

  it.each([
    ['auto', true, {}, true],
    ['auto', false, {}, false],
    ['auto', true, { NO_COLOR: '1' }, false],
    ['auto', true, { TERM: 'dumb' }, false],
    ['auto', false, { FORCE_COLOR: '1' }, true],
    ['always', false, { NO_COLOR: '1' }, true],
    ['never', true, { FORCE_COLOR: '1' }, false],
  ] as const)('has colours by %s, terminal %s and %j: %s', (color, isTTY, variables, coloured) => {
    const { output } = outputs({ color }, isTTY, variables);
    expect(output.style.red('x') !== 'x').toBe(coloured);
    expect(output.messageStyle.red('x') !== 'x').toBe(coloured);
  });

  it('redraws in place only on a terminal that can, and not when quiet', () => {
    expect(outputs({}, true).output.isLive).toBe(true);
    expect(outputs({}, false).output.isLive).toBe(false);
    expect(outputs({}, true, { TERM: 'dumb' }).output.isLive).toBe(false);
    expect(outputs({ verbosity: -1 }, true).output.isLive).toBe(false);
  });
});
