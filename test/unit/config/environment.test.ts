import { describe, expect, it } from '@jest/globals';
import { readEnvironment } from '../../../src/config/environment.ts';

describe('readEnvironment', () => {
  it('prefers the endpoint for S3 to that for all services, and AWS_REGION to AWS_DEFAULT_REGION', () => {
    const { aws } = readEnvironment({
      AWS_ENDPOINT_URL: 'http://all', AWS_ENDPOINT_URL_S3: 'http://s3', AWS_DEFAULT_REGION: 'eu-west-1', AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'AK', AWS_SECRET_ACCESS_KEY: 'SK', AWS_PROFILE: 'p',
    });
    expect(aws).toEqual({
      endpoint: { value: 'http://s3', variable: 'AWS_ENDPOINT_URL_S3' }, region: { value: 'eu-central-1', variable: 'AWS_REGION' }, profile: 'p', hasKeys: true,
    });
  });

  it('falls back to the general variables', () => {
    const { aws } = readEnvironment({ AWS_ENDPOINT_URL: 'http://all', AWS_DEFAULT_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'AK' });
    expect(aws.endpoint).toEqual({ value: 'http://all', variable: 'AWS_ENDPOINT_URL' });
    expect(aws.region).toEqual({ value: 'eu-west-1', variable: 'AWS_DEFAULT_REGION' });
    expect(aws.hasKeys).toBe(false);
  });

  it('takes an empty variable for an unset one', () => {
    const environment = readEnvironment({ AWS_ENDPOINT_URL_S3: '', AWS_ENDPOINT_URL: 'http://all', TEMPORAL_ADDRESS: '', TRIBUTARY_MEMORY_BUDGET: '', NO_COLOR: '' });
    expect(environment.aws.endpoint?.value).toBe('http://all');
    expect(environment.temporal.address).toBeUndefined();
    expect(environment.settings).toEqual({});
    expect(environment.terminal.noColor).toBe(false);
  });

  it('finds the state, cache and configuration folders by XDG, and ignores relative ones', () => {
    const { paths } = readEnvironment({ HOME: '/home/u', XDG_CACHE_HOME: '/big/cache', XDG_STATE_HOME: 'relative', PATH: '/bin::/usr/bin' });
    expect(paths.cache).toBe('/big/cache/tributary');
    expect(paths.state).toBe('/home/u/.local/state/tributary');
    expect(paths.userConfig).toBe('/home/u/.config/tributary/tributary.yaml');
    expect(paths.search).toEqual(['/bin', '/usr/bin']);
  });

  it('tells path variables from variables that set keys', () => {
    const environment = readEnvironment({ TRIBUTARY_CONFIG: '/etc/t.yaml', TRIBUTARY_TEMPORAL_BIN: '/opt/temporal', TRIBUTARY_LOG_LEVEL: 'debug', OTHER: 'x' });
    expect(environment.settings).toEqual({ TRIBUTARY_LOG_LEVEL: 'debug' });
    expect(environment.paths.config).toBe('/etc/t.yaml');
    expect(environment.paths.temporalBin).toBe('/opt/temporal');
    expect(environment.variables['OTHER']).toBe('x');
  });
});
