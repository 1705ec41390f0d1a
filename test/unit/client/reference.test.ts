import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { runCommand } from '../../../src/client/main.ts';
import { renderReference } from '../../../src/client/reference.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { ERRORS } from '../../../src/contracts/errors.ts';
import { inputFields } from '../../../src/contracts/fields.ts';
import { mergeInput } from '../../../src/contracts/merge.ts';
import { MemorySink } from './support.ts';

const pages = renderReference();

describe('renderReference', () => {
  it('has every field of the input, with its default', () => {
    for (const { path } of inputFields(mergeInput)) expect(pages['inputs.md']).toContain(`| \`${path}\` |`);
    expect(pages['inputs.md']).toMatch(/\| `chunk` \| \{lines\}, or \{bytes\} \| `\{"lines":25500\}` \|/);
    expect(pages['inputs.md']).toContain('| `apply` | text | required |');
    expect(pages['inputs.md']).toContain('| `retryOf` | text | required |');
  });

  it('has every error, with what to do', () => {
    for (const [code, { remedy }] of Object.entries(ERRORS)) expect(pages['errors.md']).toMatch(new RegExp(`\\| \`${code}\` \\|.*\\| ${remedy.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('|', '\\\\\\|')} \\|`));
  });

  it('has every command that is built, and none that is not', () => {
    for (const name of ['merge', 'plan merge', 'apply', 'retry', 'verify', 'sweep', 'runs', 'dev', 'doctor', 'completion']) expect(pages['commands.md']).toContain(`\n## tributary ${name}\n`);
    expect(pages['commands.md']).not.toMatch(/ingest|--files-from/);
  });

  it('has every key of the configuration, with its variable', () => {
    expect(pages['configuration.md']).toContain('| `memory.budget` | `TRIBUTARY_MEMORY_BUDGET` | `"256MiB"` |');
    expect(pages['configuration.md']).toContain('| `stores.NAME.endpoint` | `TRIBUTARY_STORES_NAME_ENDPOINT` |');
  });

  it('keeps its tables whole: as many cells in each row as in its heading', () => {
    for (const text of Object.values(pages)) {
      const cells = (line: string): number => line.replaceAll('\\|', '').split('|').length;
      const lines = text.split('\n');
      lines.forEach((line, i) => {
        if (line.startsWith('|') && lines[i - 1]?.startsWith('|')) expect([line, cells(line)]).toEqual([line, cells(lines[i - 1] ?? '')]);
      });
    }
  });
});

describe('completion', () => {
  let printed: string[];
  beforeEach(() => {
    printed = [];
    jest.spyOn(console, 'log').mockImplementation((text: string) => { printed.push(text); });
  });
  afterEach(() => { jest.restoreAllMocks(); });

  const complete = async (...words: string[]): Promise<string[]> => {
    printed = [];
    const stdout = new MemorySink();
    await runCommand(words, { stdout, stderr: new MemorySink() }, readEnvironment({ HOME: '/' }));
    // What the library prints goes past the sink.
    return [stdout.text, ...printed].flatMap((line) => line.split('\n')).map((line) => line.replace(/\t.*/, ''));
  };

  it.each(['bash', 'zsh', 'fish'])('prints a script for %s', async (shell) => {
    expect((await complete('completion', shell)).join('\n')).toContain('tributary complete --');
  });

  it('completes commands, options and choices', async () => {
    expect(await complete('complete', '--', 'me')).toContain('merge');
    expect(await complete('complete', '--', 'merge', '--li')).toContain('--lines');
    expect(await complete('complete', '--', 'merge', '--verify', '')).toEqual(expect.arrayContaining(['none', 'size', 'content']));
    const commands = await complete('complete', '--', '');
    for (const hidden of ['ingest', 'complete', 'completions']) expect(commands).not.toContain(hidden);
    expect(commands).toContain('completion');
  });
});
