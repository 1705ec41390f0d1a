/**
 * What a request over the lean socket client costs, beside undici on the same answers: rate, and CPU of this process. The server is
 * a child that hashes nothing. Run: `node bench/socket.ts [seconds per case]`. Figures to compare ratios by; not a benchmark of S3.
 */
import { fork } from 'node:child_process';
import net from 'node:net';
import { Client, Pool, type Dispatcher } from 'undici';
import { createSocketStore } from '../src/stores/socket/socket-store.ts';

const SMALL_BYTES = 10_000;
const RANGE_BYTES = 8 * 2 ** 20;
const PART_BYTES = 16 * 2 ** 20;
const ETAG = '"d41d8cd98f00b204e9800998ecf8427e"';

/** Answers GET by its path, and PUT once its body has arrived. Everything is ready before, so that the client is what is measured. */
function serve(): void {
  const http = (status: string, extra: string, body: Buffer): Buffer => Buffer.concat([Buffer.from(
    `HTTP/1.1 ${status}\r\nx-amz-id-2: ${'i'.repeat(76)}\r\nx-amz-request-id: 4442587FB7D0A2F9\r\nDate: Wed, 28 Jan 2026 10:00:00 GMT\r\nLast-Modified: Wed, 28 Jan 2026 09:00:00 GMT\r\n`
    + `ETag: ${ETAG}\r\nAccept-Ranges: bytes\r\nContent-Type: binary/octet-stream\r\nServer: AmazonS3\r\n${extra}Content-Length: ${body.length}\r\n\r\n`), body]);
  const small = http('200 OK', '', Buffer.alloc(SMALL_BYTES, 'tributary\n'));
  const large = http('206 Partial Content', `Content-Range: bytes 0-${RANGE_BYTES - 1}/${2 * RANGE_BYTES}\r\n`, Buffer.alloc(RANGE_BYTES, 'tributary\n'));
  const written = http('200 OK', '', Buffer.alloc(0));
  const server = net.createServer((socket) => {
    let bodyBytesLeft = 0;
    // The clients send one request at a time, whose head comes in one read.
    socket.on('data', (bytes: Buffer) => {
      if (bodyBytesLeft > 0) bodyBytesLeft -= bytes.length;
      else if (bytes[0] === 0x47) {
        socket.write(bytes[7] === 0x73 ? small : large);
        return;
      } else {
        const end = bytes.indexOf('\r\n\r\n') + 4;
        bodyBytesLeft = Number(/content-length: (\d+)/i.exec(bytes.toString('latin1', 0, end))?.[1]) - (bytes.length - end);
      }
      if (bodyBytesLeft === 0) socket.write(written);
    }).on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as net.AddressInfo).port));
  process.on('disconnect', () => process.exit());
}

interface Figure { readonly perSecond: number; readonly cpuMs: number }

async function measure(workers: number, seconds: number, once: (worker: number) => Promise<void>): Promise<Figure> {
  let count = 0;
  const run = async (untilMs: number): Promise<void> => {
    await Promise.all(Array.from({ length: workers }, async (_, worker) => {
      while (performance.now() < untilMs) {
        await once(worker);
        count++;
      }
    }));
  };
  await run(performance.now() + seconds * 250);
  count = 0;
  const [startMs, cpu] = [performance.now(), process.cpuUsage()];
  await run(startMs + seconds * 1000);
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: count / ((performance.now() - startMs) / 1000), cpuMs: (user + system) / 1000 / count };
}

/** undici's leanest way: the handler copies each piece into the caller's buffer. */
function dispatch(pool: Pool, options: Dispatcher.DispatchOptions, into: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    let at = 0;
    pool.dispatch(options, {
      onRequestStart: () => undefined,
      onResponseStart: () => undefined,
      onResponseData: (_, chunk) => { at += chunk.copy(into, at); },
      onResponseEnd: () => { resolve(); },
      onResponseError: (_, error) => { reject(error); },
    });
  });
}

async function main(seconds: number): Promise<void> {
  const child = fork(import.meta.filename, ['serve']);
  const port = await new Promise<number>((resolve) => child.once('message', resolve));
  const store = createSocketStore('bench', { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', pathStyle: true },
    () => Promise.resolve({ accessKeyId: 'bench', secretAccessKey: 'bench' }));
  const origin = `http://127.0.0.1:${port}`;
  const pool = new Pool(origin, { connections: 25, factory: (at, options) => new Client(at, { ...options, pipelining: 1 }) });
  const buffers = Array.from({ length: 25 }, () => Buffer.allocUnsafeSlow(RANGE_BYTES));
  const part = Buffer.alloc(PART_BYTES, 'tributary\n');
  const at = (worker: number): Buffer => buffers[worker] ?? part;
  const source = { bucket: 'b', ifMatch: ETAG, offset: 0 };

  const cases = {
    'GET 10 KB, 25 at once': {
      workers: 25, bytes: SMALL_BYTES,
      socket: async (worker: number) => { await store.readInto({ ...source, key: `small-${worker}`, lengthBytes: SMALL_BYTES, sizeBytes: SMALL_BYTES }, at(worker)); },
      undici: (worker: number) => dispatch(pool, { path: `/b/small-${worker}`, method: 'GET' }, at(worker)),
    },
    'GET 8 MiB ranges, 4 at once': {
      workers: 4, bytes: RANGE_BYTES,
      socket: async (worker: number) => { await store.readInto({ ...source, key: `large-${worker}`, lengthBytes: RANGE_BYTES, sizeBytes: 2 * RANGE_BYTES }, at(worker)); },
      undici: (worker: number) => dispatch(pool, { path: `/b/large-${worker}`, method: 'GET' }, at(worker)),
    },
    'PUT 16 MiB, 3 at once': {
      workers: 3, bytes: PART_BYTES,
      socket: async () => { await store.uploadPart({ bucket: 'b', key: 'part', uploadId: 'u', partNumber: 1, body: { views: [part], sizeBytes: PART_BYTES, crc32: 0 } }); },
      undici: () => dispatch(pool, { path: '/b/part', method: 'PUT', body: part }, part),
    },
  };
  for (const [name, { workers, bytes, socket, undici }] of Object.entries(cases)) {
    const lean = await measure(workers, seconds, socket);
    const other = await measure(workers, seconds, undici);
    const show = ({ perSecond, cpuMs }: Figure): string =>
      `${perSecond.toFixed(0)}/s, ${(perSecond * bytes / 1e9).toFixed(2)} GB/s, ${cpuMs.toFixed(4)} CPU-ms each, ${(cpuMs / bytes * 1e6).toFixed(2)} CPU-s/GB`;
    console.log(`${name}\n  socket ${show(lean)}\n  undici ${show(other)}\n  ratio  ${(lean.perSecond / other.perSecond).toFixed(2)} × rate, ${(lean.cpuMs / other.cpuMs).toFixed(2)} × CPU`);
  }
  store.close();
  await pool.destroy();
  child.disconnect();
}

if (process.argv[2] === 'serve') serve();
else await main(Number(process.argv[2] ?? 3));
