/** The completion script in a real bash, with nothing loaded but itself. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Programs, type Ended } from '../support/programs.ts';
import { ROOT } from '../support/rig.ts';

const programs = new Programs();
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tributary-completion-'));
  await symlink(join(ROOT, 'bin', 'tributary.mjs'), join(home, 'tributary'));
  const { code, stdout } = await bash('tributary completion bash');
  expect(code).toBe(0);
  await writeFile(join(home, 'script'), stdout);
});

afterAll(() => rm(home, { recursive: true, force: true }));

function bash(script: string, ...args: readonly string[]): Promise<Ended> {
  const env = { HOME: home, PATH: [home, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter) };
  return programs.run('bash', ['--norc', '--noprofile', '-c', script, 'bash', ...args], { env, cwd: home });
}

/** What bash offers where the tab key is pressed at the end of a line: it calls the function that is registered, with the line in these variables. */
async function offered(line: string): Promise<string[]> {
  const ended = await bash(`
    source ./script && source ./script
    [[ $(complete -p tributary) =~ -F\\ ([^ ]+) ]] || exit 1
    COMP_LINE=$1 COMP_POINT=\${#1}
    "\${BASH_REMATCH[1]}" tributary
    printf '%s\\n' "\${COMPREPLY[@]}"`, line);
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  return ended.stdout.split('\n').filter((answer) => answer !== '');
}

describe('completion in bash', () => {
  it('offers commands, options and their values, and of what is begun what fits', async () => {
    expect(await offered('tributary ')).toEqual(expect.arrayContaining(['merge', 'plan', 'runs', 'doctor']));
    expect(await offered('tributary mer')).toEqual(['merge']);
    expect(await offered('tributary plan ')).toEqual(['merge']);
    expect(await offered('tributary merge s3://logs/ s3://merged/ --max')).toEqual(['--max-size']);
    expect(await offered('tributary completion ')).toEqual(['bash', 'zsh', 'fish']);
    expect(await offered('tributary merge s3://logs/ s3://merged/ --on-error ')).toEqual(['continue', 'stop']);
    expect(await offered('tributary merge s3://logs/ s3://merged/ --on-error=st')).toEqual(['stop']);
    expect(await offered('tributary merge s3://logs/ s3:')).toEqual([]);
  });

  it('runs nothing of what stands on the line', async () => {
    await offered('tributary merge $(touch ran) `touch ran` ; touch ran ');
    expect(existsSync(join(home, 'ran'))).toBe(false);
  });
});
