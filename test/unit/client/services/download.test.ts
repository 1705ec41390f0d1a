import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { downloadProgram } from '../../../../src/client/services/download.ts';

let folder: string;
let close: () => void;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'tributary-download-')); });
afterEach(() => {
  close();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/archive.tar.gz`;
}

const download = async (url: string): Promise<void> =>
  downloadProgram({ url, member: 'tool', destination: join(folder, 'tool-1.0'), onBytes: () => undefined });

describe('downloadProgram', () => {
  it('takes the program out of a folder in the archive, and leaves nothing else behind', async () => {
    mkdirSync(join(folder, 'tool_1.0_Linux'));
    writeFileSync(join(folder, 'tool_1.0_Linux/tool'), 'the program');
    writeFileSync(join(folder, 'tool_1.0_Linux/README'), 'words');
    const archive = execFileSync('tar', ['-cz', '-C', folder, 'tool_1.0_Linux']);
    rmSync(join(folder, 'tool_1.0_Linux'), { recursive: true });
    await download(await serve((_, answer) => answer.end(archive)));
    expect(readdirSync(folder)).toEqual(['tool-1.0']);
    expect(readFileSync(join(folder, 'tool-1.0'), 'utf8')).toBe('the program');
  });

  it('says what the server answered', async () => {
    const url = await serve((_, answer) => {
      answer.statusCode = 404;
      answer.end('no');
    });
    await expect(download(url)).rejects.toThrow('the server answered 404');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('refuses an archive without the program', async () => {
    writeFileSync(join(folder, 'other'), '');
    const archive = execFileSync('tar', ['-cz', '-C', folder, 'other']);
    rmSync(join(folder, 'other'));
    await expect(download(await serve((_, answer) => answer.end(archive)))).rejects.toThrow('the archive holds no tool');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('names the reason where nobody answers', async () => {
    const url = await serve(() => undefined);
    close();
    await expect(download(url)).rejects.toThrow(/ECONNREFUSED/);
  });
});
