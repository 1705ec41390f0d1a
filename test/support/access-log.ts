/** One request, as versitygw logged it. */
export interface S3Request {
  /** Name in the S3 API, as `GetObject`. */
  readonly method: string;
  readonly bucket: string;
  /** Decoded; empty where the request was about the bucket. */
  readonly key: string;
  /** Decoded query parameters. */
  readonly query: URLSearchParams;
  readonly status: number;
  /** Code of the error, or null. */
  readonly code: string | null;
  /** Of the body that was written; versitygw does not log what was read. */
  readonly bytes: number;
  readonly accessKeyId: string;
}

const LINE = /^\S+ \S+ \[[^\]]*\] \S+ (\S+) \S+ s3_(\w+) .* (\/\S*) (\d{3}) (\S+) \d+ (\d+) \d+ \d+ - /;

/** @throws where a line has another form: then the figures made of it would be wrong. */
export function parseAccessLog(text: string): readonly S3Request[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('log starts')).map(parseLine);
}

function parseLine(line: string): S3Request {
  const match = LINE.exec(line);
  if (!match) throw new Error(`no line of an access log: ${line}`);
  const [, accessKeyId = '', method = '', uri = '', status = '', code = '-', bytes = ''] = match;
  const [path = '', query = ''] = uri.split('?', 2);
  const [, bucket = '', ...key] = path.split('/');
  return {
    method, bucket: decodeURIComponent(bucket), key: decodeURIComponent(key.join('/')), query: new URLSearchParams(query),
    status: Number(status), code: code === '-' ? null : code, bytes: Number(bytes), accessKeyId,
  };
}
