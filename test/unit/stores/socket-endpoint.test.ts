import { describe, expect, it } from '@jest/globals';
import { createAddressing, type EndpointConfig } from '../../../src/stores/socket/endpoint.ts';
import { FallbackError } from '../../../src/stores/socket/failure.ts';

const aws: EndpointConfig = { endpoint: 'https://s3.eu-central-1.amazonaws.com/', region: 'eu-central-1', pathStyle: false };
const at = (endpoint: string, pathStyle = true): EndpointConfig => ({ endpoint, region: 'us-east-1', pathStyle });

describe('createAddressing', () => {
  it('puts the bucket into the host name, or into the path', () => {
    expect(createAddressing(aws)('logs')).toEqual({ origin: { host: 'logs.s3.eu-central-1.amazonaws.com', port: 443, tls: true }, host: 'logs.s3.eu-central-1.amazonaws.com', pathPrefix: '/' });
    expect(createAddressing({ ...aws, pathStyle: true })('my.logs')).toEqual({ origin: { host: 's3.eu-central-1.amazonaws.com', port: 443, tls: true }, host: 's3.eu-central-1.amazonaws.com', pathPrefix: '/my.logs/' });
    expect(createAddressing(at('http://localhost:9000/'))('b')).toEqual({ origin: { host: 'localhost', port: 9000, tls: false }, host: 'localhost:9000', pathPrefix: '/b/' });
    expect(createAddressing(at('https://s3.example.com', false))('logs')).toMatchObject({ origin: { host: 'logs.s3.example.com', port: 443, tls: true }, host: 'logs.s3.example.com' });
    expect(createAddressing(at('http://s3.example.com:80'))('b')).toMatchObject({ origin: { port: 80 }, host: 's3.example.com' });
    expect(createAddressing(at('http://[::1]:9000'))('b')).toMatchObject({ origin: { host: '::1', port: 9000 }, host: '[::1]:9000' });
  });

  it('remembers an address', () => {
    const addressOf = createAddressing(aws);
    expect(addressOf('logs')).toBe(addressOf('logs'));
  });

  const oddStores: Record<string, EndpointConfig> = {
    'a pseudo region': { ...aws, region: 'aws-global' }, 'no region': { ...aws, region: '' }, 'an endpoint with a path': at('http://localhost/s3'), 'an endpoint with a query': at('http://localhost/?a'),
    'an endpoint with a user': at('http://me@localhost/'), 'another scheme': at('ftp://localhost'), 'no address': at('localhost'),
  };
  for (const [name, config] of Object.entries(oddStores)) {
    it(`leaves ${name} to the SDK`, () => {
      expect(() => createAddressing(config)).toThrow(FallbackError);
    });
  }

  it('leaves odd buckets to the SDK', () => {
    for (const bucket of ['arn:aws:s3:us-east-1:123456789012:accesspoint/a', 'x--use1-az4--x-s3', 'a--ol-s3', 'mine-s3alias', 'my.logs', 'My-Logs', 'a_b', '', 'a/b', '-a', 'ü']) {
      expect(() => createAddressing(aws)(bucket)).toThrow(FallbackError);
    }
    for (const bucket of ['a/b', '..', '', 'a?b', 'ü', 'x--use1-az4--x-s3']) expect(() => createAddressing(at('http://localhost:9000'))(bucket)).toThrow(FallbackError);
    expect(() => createAddressing(at('http://127.0.0.1:9000', false))('logs')).toThrow(FallbackError);
    expect(() => createAddressing(at('http://[::1]:9000', false))('logs')).toThrow(FallbackError);
  });
});
