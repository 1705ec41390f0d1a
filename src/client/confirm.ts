import { createInterface } from 'node:readline';

interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Asks on the terminal. Anything but a yes is a no. @returns null where there is none to ask on */
export async function confirm(question: string, { stdin, stderr }: Terminal = process): Promise<boolean | null> {
  if (stdin.isTTY !== true || stderr.isTTY !== true) return null;
  // Not as a terminal: Ctrl-C ends the process, as everywhere.
  const lines = createInterface({ input: stdin, terminal: false });
  try {
    stderr.write(`${question} [y/N] `);
    return await new Promise<boolean>((resolve) => {
      lines.once('line', (line) => { resolve(/^\s*y(?:es)?\s*$/i.test(line)); });
      lines.once('close', () => { resolve(false); });
    });
  } finally {
    lines.close();
  }
}
