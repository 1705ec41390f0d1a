import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MalformedAnswer } from '../../../src/stores/socket/head-parser.ts';
import { decodeEntities, decodeUrlText, readError, readListPage } from '../../../src/stores/socket/xml.ts';
import type { ListedObject } from '../../../src/stores/object-store.ts';

const NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;')
  .replaceAll(/[^\x20-\x7e]/gu, (char) => `&#x${(char.codePointAt(0) ?? 0).toString(16).toUpperCase()};`);
/** As AWS writes it: a space is a plus sign, slashes stay. */
const urlText = (text: string): string => encodeURIComponent(text).replaceAll('%20', '+').replaceAll('%2F', '/');
const element = (name: string, text: string): string => `<${name}>${text}</${name}>`;

const object = fc.record<ListedObject>({
  key: fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
  sizeBytes: fc.nat(2 ** 45), etag: fc.oneof(fc.constant('"d41d8cd98f00b204e9800998ecf8427e-12"'), fc.string({ maxLength: 20 })),
  modifiedMs: fc.integer({ min: 0, max: 4e12 }),
});
const page = fc.record({
  objects: fc.array(object, { maxLength: 20 }),
  prefixes: fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }), { maxLength: 5 }),
  next: fc.option(fc.string({ unit: 'binary', minLength: 1 }), { nil: undefined }),
});
const shape = fc.record({ url: fc.boolean(), pretty: fc.boolean(), shuffle: fc.boolean(), declaration: fc.boolean(), namespace: fc.boolean(), owner: fc.boolean(), selfClosing: fc.boolean() });

function write({ objects, prefixes, next }: { objects: readonly ListedObject[]; prefixes: readonly string[]; next?: string | undefined }, as: { [flag: string]: boolean }): string {
  const text = (value: string): string => as['url'] ? urlText(value) : escape(value);
  const join = (parts: string[]): string => (as['shuffle'] ? parts.reverse() : parts).join(as['pretty'] ? '\n    ' : '');
  const contents = objects.map(({ key, sizeBytes, etag, modifiedMs }) => element('Contents', join([
    element('Key', text(key)), element('LastModified', new Date(modifiedMs).toISOString()), element('ETag', escape(etag)), element('Size', String(sizeBytes)), element('StorageClass', 'STANDARD'),
    ...(as['owner'] ? [element('Owner', join([element('ID', 'x'), element('DisplayName', '&lt;Key&gt;')])), element('ChecksumAlgorithm', 'CRC32'), element('RestoreStatus', element('IsRestoreInProgress', 'false'))] : []),
  ])));
  const folded = prefixes.map((prefix) => element('CommonPrefixes', join([element('Prefix', text(prefix))])));
  const head = [
    element('Name', 'bucket'), as['selfClosing'] ? '<Prefix/>' : element('Prefix', ''), element('KeyCount', String(objects.length)), element('MaxKeys', '1000'),
    ...(as['url'] ? [element('EncodingType', 'url')] : []), element('IsTruncated', next === undefined ? 'false' : 'true'),
    ...(next === undefined ? [] : [element('NextContinuationToken', escape(next))]),
  ];
  const body = join([...(as['shuffle'] ? [...contents].reverse() : contents), ...(as['shuffle'] ? [...folded].reverse() : folded), ...head]);
  return `${as['declaration'] ? '<?xml version="1.0" encoding="UTF-8"?>\n' : ''}<ListBucketResult${as['namespace'] ? NAMESPACE : ''}>${as['pretty'] ? '\n  ' : ''}${body}</ListBucketResult>${as['pretty'] ? '\n' : ''}`;
}

describe('readListPage', () => {
  it('reads what was written, for any keys, encoded either way, in any order and layout', () => {
    fc.assert(fc.property(page, shape, (wanted, as) => {
      const { objects, prefixes, next } = wanted;
      expect(readListPage(write(wanted, as))).toEqual({ objects, prefixes, ...(next === undefined ? {} : { next }) });
    }), { numRuns: 500 });
  });

  it('refuses a page that is cut off at any byte', () => {
    const xml = write({ objects: [{ key: 'a', sizeBytes: 1, etag: '"e"', modifiedMs: 0 }], prefixes: ['p/'], next: 't' }, { url: true, declaration: true });
    for (let end = 0; end < xml.length; end++) expect(() => readListPage(xml.slice(0, end))).toThrow(MalformedAnswer);
  });

  it('never throws anything but its own error on a damaged page', () => {
    const xml = write({ objects: [{ key: 'a&b', sizeBytes: 1, etag: '"e"', modifiedMs: 0 }], prefixes: ['p/'], next: 't' }, { url: false, declaration: true });
    fc.assert(fc.property(fc.nat(xml.length), fc.nat(20), fc.string({ maxLength: 10 }), (at, removed, inserted) => {
      try {
        readListPage(xml.slice(0, at) + inserted + xml.slice(at + removed));
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedAnswer);
      }
    }), { numRuns: 2000 });
  });

  const time = element('LastModified', '2026-01-01T00:00:00.000Z');
  const entry = (...parts: string[]): string => `<ListBucketResult><IsTruncated>false</IsTruncated>${element('Contents', parts.join(''))}</ListBucketResult>`;
  const wrong: Record<string, string> = {
    'an error inside a 200': '<Error><Code>InternalError</Code></Error>',
    'a page that is cut off without a token': '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>',
    'a page that does not say whether it is the last one': '<ListBucketResult><Name>b</Name></ListBucketResult>',
    'an empty token': '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken></NextContinuationToken></ListBucketResult>',
    'an entry without a key': entry(time, element('ETag', 'e'), element('Size', '1')),
    'an entry without a size': entry(time, element('ETag', 'e'), element('Key', 'k')),
    'an entry without an ETag': entry(time, element('Size', '1'), element('Key', 'k')),
    'an entry without a time': entry(element('ETag', 'e'), element('Size', '1'), element('Key', 'k')),
    'a size that is none': entry(time, element('ETag', 'e'), element('Size', '1e3'), element('Key', 'k')),
    'a time that is none': entry(element('LastModified', 'yesterday'), element('ETag', 'e'), element('Size', '1'), element('Key', 'k')),
    'CDATA': entry(time, element('ETag', 'e'), element('Size', '1'), element('Key', '<![CDATA[k]]>')),
    'an unknown entity': entry(time, element('ETag', 'e'), element('Size', '1'), element('Key', '&nbsp;')),
    'a bare ampersand': entry(time, element('ETag', 'e'), element('Size', '1'), element('Key', 'a&b')),
    'a character that is none': entry(time, element('ETag', 'e'), element('Size', '1'), element('Key', '&#x110000;')),
    'a key that is no UTF-8': `<ListBucketResult><EncodingType>url</EncodingType>${element('Contents', time + element('ETag', 'e') + element('Size', '1') + element('Key', '%FF'))}</ListBucketResult>`,
    'a common prefix without a name': '<ListBucketResult><CommonPrefixes></CommonPrefixes></ListBucketResult>',
    'names with a namespace prefix': '<s3:ListBucketResult xmlns:s3="x"></s3:ListBucketResult>',
  };
  for (const [name, xml] of Object.entries(wrong)) {
    it(`refuses ${name}`, () => {
      expect(() => readListPage(xml)).toThrow(MalformedAnswer);
    });
  }
});

describe('decoding', () => {
  it('decodes plus signs and percents only where the store said that it encoded', () => {
    expect(decodeUrlText('a+b%2Bc%20d&amp;')).toBe('a b+c d&');
    expect(decodeEntities('a+b%2Bc')).toBe('a+b%2Bc');
  });
  it('decodes an entity once', () => {
    expect(decodeEntities('&amp;lt;&amp;quot;&quot;&#38;amp;')).toBe('&lt;&quot;"&amp;');
  });
});

describe('readError', () => {
  it('finds code and message, and shows what it cannot decode as it stands', () => {
    expect(readError('<?xml version="1.0"?>\n<Error xmlns="x"><Code>NoSuchKey</Code><Message>no &quot;a&quot; &nbsp;</Message></Error>')).toEqual({ code: 'NoSuchKey', message: 'no &quot;a&quot; &nbsp;' });
    expect(readError('<Error><Code> SlowDown </Code><Message>a &lt; b</Message></Error>')).toEqual({ code: 'SlowDown', message: 'a < b' });
  });
  it('finds none where there is none', () => {
    for (const xml of ['', '<html><Code>x</Code></html>', 'Bad Gateway', '<Error/>', '<Error><Code></Code></Error>']) expect(readError(xml)).toEqual({ code: undefined, message: undefined });
  });
});
