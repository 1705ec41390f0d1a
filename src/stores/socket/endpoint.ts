/** Where the requests of a bucket go: connection, host name and path. The simple cases; what is odd is left to the SDK. */
import type { Origin } from './connection.ts';
import { FallbackError } from './failure.ts';
import { encodeKey } from './sigv4.ts';

export interface EndpointConfig {
  /** Of the service, without a bucket: `https://s3.eu-central-1.amazonaws.com/`. */
  readonly endpoint: string;
  /** That requests are signed for. */
  readonly region: string;
  /** Bucket in the path instead of the host name. */
  readonly pathStyle: boolean;
}

export interface Address {
  readonly origin: Origin;
  /** The `Host` header: with the port where it is not the scheme's own. */
  readonly host: string;
  /** Before the key, with a slash at its end. */
  readonly pathPrefix: string;
}

/** Regions that requests are not signed for under that name. */
const PSEUDO_REGION = /^$|global$|fips/;
/** A bucket that can be a label of a host name under a wildcard certificate. */
const HOST_LABEL = /^[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]$/;
/** Names that mean another kind of bucket or access point, each with rules of its own. */
const SPECIAL = /--(?:x-s3|ol-s3|xa-s3|table-s3|op-s3)$|-s3alias$|^arn:|^xn--|^sthree-|^amzn-s3-demo-/;
const ANY_BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

/**
 * Addresses of buckets, remembered.
 * @throws FallbackError at once for an endpoint or region, and when asked for a bucket, that the rules here do not cover
 */
export function createAddressing(config: EndpointConfig): (bucket: string) => Address {
  if (PSEUDO_REGION.test(config.region)) throw new FallbackError(`the region ${config.region} has rules of its own`);
  const base = originOf(config.endpoint);
  const known = new Map<string, Address>();
  return (bucket) => {
    let address = known.get(bucket);
    if (!address) {
      address = addressOf(bucket, base, config.pathStyle);
      known.set(bucket, address);
    }
    return address;
  };
}

function originOf(endpoint: string): Origin {
  const url = URL.parse(endpoint);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) throw new FallbackError('the endpoint is no http or https address');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') throw new FallbackError('the endpoint is more than a host and a port');
  const tls = url.protocol === 'https:';
  const port = url.port === '' ? (tls ? 443 : 80) : Number(url.port);
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port, tls };
}

function addressOf(bucket: string, base: Origin, pathStyle: boolean): Address {
  if (SPECIAL.test(bucket) || !ANY_BUCKET.test(bucket)) throw new FallbackError(`the bucket ${bucket} has rules of its own`);
  const port = base.port === (base.tls ? 443 : 80) ? '' : `:${base.port}`;
  if (pathStyle) {
    const host = base.host.includes(':') ? `[${base.host}]` : base.host;
    return { origin: base, host: `${host}${port}`, pathPrefix: `/${encodeKey(bucket)}/` };
  }
  if (!HOST_LABEL.test(bucket) || /^[\d.]+$|:/.test(base.host)) throw new FallbackError(`the bucket ${bucket} cannot be part of a host name`);
  const host = `${bucket}.${base.host}`;
  return { origin: { ...base, host }, host: `${host}${port}`, pathPrefix: '/' };
}
