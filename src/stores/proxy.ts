/** Proxies of the environment: whether one stands between us and an endpoint. */

/** As `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say it. */
export interface ProxySettings {
  readonly http: string | undefined;
  readonly https: string | undefined;
  readonly none: string | undefined;
}

/** Whether requests to `endpoint` go through a proxy. A host of `NO_PROXY` matches itself and what is under it, with its port if it has one; `*` matches all. */
export function usesProxy(endpoint: string, proxy: ProxySettings | undefined): boolean {
  const { protocol, hostname, port } = new URL(endpoint);
  const isTls = protocol === 'https:';
  if ((isTls ? proxy?.https : proxy?.http) === undefined) return false;
  const actualPort = port === '' ? (isTls ? '443' : '80') : port;
  return !(proxy?.none ?? '').split(/[\s,]+/).some((entry) => matches(entry.toLowerCase(), hostname.replace(/^\[|\]$/g, ''), actualPort));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '') return false;
  if (entry === '*') return true;
  const [, name = '', entryPort] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(entry) ?? [];
  const bare = name.replace(/^\*?\./, '');
  return (host === bare || host.endsWith(`.${bare}`)) && (entryPort === undefined || entryPort === port);
}
